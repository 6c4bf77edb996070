import { fileURLToPath } from 'node:url'
import { Child } from '../lib/child.ts'
import { startNginx, startServer } from '../lib/server.ts'
import type { Backends } from './backend.ts'
import { type Contender, nginxConfig, routes } from './contenders.ts'
import { answerOf, type BackendName, bodyOf, type CostJob, JOBS } from './jobs.ts'
import type { LoadGenerator } from './load.ts'
import type { ProxyProcess } from './proxy.ts'
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
  stop(): Promise<void>
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
    const entrants: Entrant[] = []
    try {
      for (const contender of contenders) {
        const entrant = await this.#start(contender)
        entrants.push(entrant)
        for (const job of JOBS) await this.#verify(entrant, job)
      }
      return await work(entrants)
    } finally {
      await Promise.all(entrants.map((entrant) => entrant.stop()))
    }
  }

  /** @throws {Error} when a request does not arrive at its backend, whole. */
  async #verify({ contender, urlFor }: Entrant, job: CostJob): Promise<void> {
    const { status, body } = await this.load.call('send', urlFor(job.backend), job.name, 1)
    const expected = answerOf(this.destination(contender, job), bodyOf(job.name).length)
    if (status === 200 && body === expected) return
    throw new Error(
      `${contender.label} does not route right: ${job.title} got ${status} ${body}, not ${expected}`,
    )
  }

  async #start(contender: Contender): Promise<Entrant> {
    const { kind, keepAlive } = contender
    switch (kind) {
      case 'none':
        return { contender, urlFor: (backend) => this.#urls[backend], pid: undefined, stop: async () => {} }
      case 'regex':
      case 'lua': {
        const modules = kind === 'lua' ? luaModules() : []
        const server = await startNginx(nginxConfig(contender, this.#urls), PROXY_CORE, modules)
        return { contender, urlFor: () => server.url, pid: server.pid, stop: () => server.stop() }
      }
      case 'fastapi': {
        const app = ['-m', 'uvicorn', 'router:app', '--app-dir', fileURLToPath(new URL('.', import.meta.url))]
        const quiet = ['--no-access-log', '--log-level', 'error', '--backlog', '1024']
        const env = {
          TEXT_URL: this.#urls.text,
          IMAGE_URL: this.#urls.image,
          KEEP_ALIVE: keepAlive ? '1' : '0',
        }
        const server = await startServer({
          program: PYTHON,
          args: (port) => [...app, '--port', String(port), ...quiet],
          env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
          core: PROXY_CORE,
        })
        return { contender, urlFor: () => server.url, pid: server.pid, stop: () => server.stop() }
      }
      default: {
        const child = new Child<ProxyProcess>(this.#proxy, PROXY_CORE)
        const url = await child.call('start', kind, this.#urls, keepAlive)
        return { contender, urlFor: () => url, pid: child.pid, stop: () => child.stop() }
      }
    }
  }
}
