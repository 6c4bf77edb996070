import { fileURLToPath } from 'node:url'
import { Child } from '../lib/child.ts'
import { type RunningServer, startNginx, startServer } from '../lib/server.ts'
import type { Backends } from './backend.ts'
import { type Contender, nginxConfig, routes } from './contenders.ts'
import { answerOf, type BackendName, bodyOf, type CostJob, JOBS } from './jobs.ts'
import type { LoadGenerator } from './load.ts'
import type { ProxyKind, ProxyProcess } from './proxy.ts'
import { luaModules, PYTHON } from './tools.ts'

/** The core of the proxy, and that of everything else. */
export const PROXY_CORE = 0
const LOAD_CORE = 1

/** A contender that runs. */
export interface Entrant {
  readonly contender: Contender
  /** Where the requests for a backend go. */
  urlFor(backend: BackendName): string
  /** `undefined` where there is no proxy. */
  readonly pid: number | undefined
}

/** The backends and the load generator, as processes on one core; contenders come and go on the other. */
export class Stage {
  readonly load = new Child<LoadGenerator>(new URL('./load.ts', import.meta.url), LOAD_CORE)
  readonly backends = new Child<Backends>(new URL('./backend.ts', import.meta.url), LOAD_CORE)
  readonly #proxy: URL
  #urls: Record<BackendName, string> = { text: '', image: '' }

  /** @param proxy The module of the contenders on Node, as JavaScript. */
  constructor(proxy: URL) {
    this.#proxy = proxy
  }

  async open(): Promise<void> {
    this.#urls = await this.backends.call('start')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.load.stop(), this.backends.stop()])
  }

  /** Where the requests of a job must arrive. */
  destination(contender: Contender, job: CostJob): BackendName {
    return routes(contender) ? job.backend : 'text'
  }

  /** Has all contenders run during some work. */
  async withAll<T>(
    contenders: readonly Contender[],
    work: (entrants: readonly Entrant[]) => Promise<T>,
  ): Promise<T> {
    const servers: RunningServer[] = []
    const entrants: Entrant[] = []
    try {
      for (const contender of contenders) {
        const server = contender.kind === 'none' ? undefined : await this.#start(contender)
        if (server !== undefined) servers.push(server)
        const urlFor = (backend: BackendName) => server?.url ?? this.#urls[backend]
        entrants.push({ contender, urlFor, pid: server?.pid })
        for (const job of JOBS) await this.#verify(contender, urlFor(job.backend), job)
      }
      return await work(entrants)
    } finally {
      await Promise.all(servers.map((server) => server.stop()))
    }
  }

  /** @throws {Error} when a request does not arrive at its backend, whole. */
  async #verify(contender: Contender, url: string, job: CostJob): Promise<void> {
    const { status, body } = await this.load.call('send', url, job.name)
    const expected = answerOf(this.destination(contender, job), bodyOf(job.name).length)
    if (status === 200 && body === expected) return
    throw new Error(
      `${contender.label} does not route right: ${job.title} got ${status} ${body}, not ${expected}`,
    )
  }

  async #start(contender: Contender): Promise<RunningServer> {
    const { kind, keepAlive } = contender
    if (kind === 'regex' || kind === 'lua')
      return startNginx(nginxConfig(contender, this.#urls), PROXY_CORE, kind === 'lua' ? luaModules() : [])
    if (kind === 'fastapi') {
      const { text, image } = this.#urls
      const app = ['-m', 'uvicorn', 'router:app', '--app-dir', fileURLToPath(new URL('.', import.meta.url))]
      const quiet = ['--no-access-log', '--log-level', 'error', '--backlog', '1024']
      const args = (port: number) => [...app, '--port', String(port), ...quiet]
      const env = { TEXT_URL: text, IMAGE_URL: image, KEEP_ALIVE: keepAlive ? '1' : '0' }
      return startServer({
        program: PYTHON,
        args,
        env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
        core: PROXY_CORE,
      })
    }
    const child = new Child<ProxyProcess>(this.#proxy, PROXY_CORE)
    const url = await child.call('start', kind as ProxyKind, this.#urls, keepAlive)
    return { url, pid: child.pid, stop: () => child.stop() }
  }
}
