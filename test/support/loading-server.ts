import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
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
  /** Refuses jobs with models of such a name, as the ML server refuses an unknown model. */
  refuses: string | undefined
  /** Lets every model load that was asked for. */
  load(): void
  /** Takes no requests any more, and forgets its models. */
  stop(): void
  /** Closes its port as well, so that connections are refused. */
  leave(): Promise<void>
  /** Opens its port again, without any model. */
  comeBack(): Promise<void>
  /** Takes requests again, without any model. */
  start(): void
}

/** Starts a {@link LoadingServer}. */
export async function loadingServer(): Promise<LoadingServer> {
  const [asked, loaded] = [[] as string[], new Set<string>()]
  let isUp = true
  let waiting: (() => void)[] = []
  const { server, url } = await listen(async (req, res) => {
    if (!isUp) return void req.socket.destroy()
    if (req.url === '/ping') return void res.end('pong')
    const { jobs, models } = await readJobs(req)
    const { refuses } = made
    if (refuses !== undefined && models.some((name) => name.startsWith(refuses)))
      return void res.writeHead(422, { 'content-type': 'application/json' }).end('{"detail":"Unknown model"}')
    asked.push(...jobs)
    if (made.isSlow && jobs.some((job) => !loaded.has(job)))
      await new Promise<void>((resolve) => waiting.push(resolve))
    for (const job of jobs) loaded.add(job)
    return void res.writeHead(200, { 'content-type': 'application/json' }).end(GOOD_ANSWER)
  })
  const made: LoadingServer = {
    url,
    asked,
    loaded,
    isSlow: false,
    refuses: undefined,
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
    leave: async () => {
      loaded.clear()
      server.closeAllConnections()
      await promisify(server.close.bind(server))()
    },
    comeBack: async () => {
      server.listen(Number(new URL(url).port), '127.0.0.1')
      await once(server, 'listening')
    },
  }
  return made
}

async function readJobs(req: IncomingMessage): Promise<{ jobs: string[]; models: string[] }> {
  const headers = { 'content-type': req.headers['content-type'] ?? '' }
  const form = await new Response(new Uint8Array(await buffer(req)), { headers }).formData()
  const entries: ImmichEntries = JSON.parse(String(form.get('entries')))
  const all = Object.entries(entries).flatMap(([task, types]) =>
    Object.entries(types).map(([type, { modelName }]) => ({ job: `${task}/${type}`, modelName })),
  )
  return { jobs: all.map(({ job }) => job), models: all.map(({ modelName }) => modelName) }
}
