import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { ImmichEntries } from '@immich-ml-router/core/testing'
import { GOOD_ANSWER } from '@immich-ml-router/core/testing'
import { listen } from './servers.ts'

/** An ML server that loads each model on its first use, when the test says so. */
export interface LoadingServer {
  readonly url: string
  /** The jobs, `task/type`, that it was asked for, in the order of their arrival. */
  readonly asked: string[]
  /** The jobs whose models are loaded. */
  readonly loaded: ReadonlySet<string>
  /** Whether models that are not loaded stay so until {@link LoadingServer.load}. */
  isSlow: boolean
  /** Lets every model load that was asked for. */
  load(): void
  /** Takes no requests any more, and forgets its models. */
  stop(): void
  /** Takes requests again, without any model. */
  start(): void
}

/** Starts a {@link LoadingServer}. */
export async function loadingServer(): Promise<LoadingServer> {
  const [asked, loaded] = [[] as string[], new Set<string>()]
  let isUp = true
  let waiting: (() => void)[] = []
  const server = await listen(async (req, res) => {
    if (!isUp) return void req.socket.destroy()
    if (req.url === '/ping') return void res.end('pong')
    const jobs = await jobsOf(req)
    asked.push(...jobs)
    if (made.isSlow && jobs.some((job) => !loaded.has(job)))
      await new Promise<void>((resolve) => waiting.push(resolve))
    for (const job of jobs) loaded.add(job)
    return void res.writeHead(200, { 'content-type': 'application/json' }).end(GOOD_ANSWER)
  })
  const made: LoadingServer = {
    url: server.url,
    asked,
    loaded,
    isSlow: false,
    load: () => {
      for (const resolve of waiting) resolve()
      waiting = []
    },
    stop: () => {
      isUp = false
      loaded.clear()
    },
    start: () => {
      isUp = true
    },
  }
  return made
}

async function jobsOf(req: IncomingMessage): Promise<string[]> {
  const headers = { 'content-type': req.headers['content-type'] ?? '' }
  const form = await new Response(new Uint8Array(await buffer(req)), { headers }).formData()
  const entries: ImmichEntries = JSON.parse(String(form.get('entries')))
  return Object.entries(entries).flatMap(([task, types]) =>
    Object.keys(types).map((type) => `${task}/${type}`),
  )
}
