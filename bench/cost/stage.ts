import { fileURLToPath } from 'node:url'
import { Child } from '../lib/child.ts'
import { startNginx } from '../lib/nginx.ts'
import { startServer } from '../lib/program.ts'
import type { Backends } from './backend.ts'
import type { Contender } from './contenders.ts'
import { answerOf, type BackendName, bodyOf, type CostJob, JOBS, type JobName } from './jobs.ts'
import type { LoadGenerator } from './load.ts'
import { byLua, byRegularExpression } from './nginx-configs.ts'
import type { ProxyProcess } from './proxy.ts'
import type { Tools } from './tools.ts'

/** The core of the proxy, and that of everything else. */
export const PROXY_CORE = 0
export const LOAD_CORE = 1

/** A contender that runs. */
export interface Entrant {
  readonly contender: Contender
  /** Where the requests of a job go. */
  urlFor(backend: BackendName): string
  /** `undefined` where there is no proxy. */
  readonly pid: number | undefined
  stop(): Promise<void>
}

/** The backends and the load generator, as processes of their own on one core; contenders come and go on the other. */
export class Stage {
  readonly load: Child<LoadGenerator>
  readonly backends: Child<Backends>
  readonly #urls: Record<BackendName, string>
  readonly #tools: Tools
  readonly #proxy: URL

  private constructor(
    tools: Tools,
    proxy: URL,
    load: Child<LoadGenerator>,
    backends: Child<Backends>,
    urls: Record<BackendName, string>,
  ) {
    this.#tools = tools
    this.#proxy = proxy
    this.load = load
    this.backends = backends
    this.#urls = urls
  }

  /** @param proxy The module of the contenders on Node, as JavaScript. */
  static async set(tools: Tools, proxy: URL): Promise<Stage> {
    const options = { core: LOAD_CORE }
    const load = new Child<LoadGenerator>(new URL('./load.ts', import.meta.url), options)
    const backends = new Child<Backends>(new URL('./backend.ts', import.meta.url), options)
    return new Stage(tools, proxy, load, backends, await backends.call('start'))
  }

  async close(): Promise<void> {
    await Promise.all([this.load.stop(), this.backends.stop()])
  }

  /**
   * Starts a contender, and sees that it routes right.
   *
   * @throws {Error} when a request does not arrive where it should, or not whole.
   */
  async enter(contender: Contender): Promise<Entrant> {
    const entrant = await this.#start(contender)
    try {
      for (const job of JOBS) await this.#verify(entrant, job)
    } catch (error) {
      await entrant.stop()
      throw error
    }
    return entrant
  }

  /** Has all of them run while something is done. */
  async withAll<T>(
    contenders: readonly Contender[],
    work: (entrants: readonly Entrant[]) => Promise<T>,
  ): Promise<T> {
    const entrants: Entrant[] = []
    try {
      for (const contender of contenders) entrants.push(await this.enter(contender))
      return await work(entrants)
    } finally {
      await Promise.all(entrants.map((entrant) => entrant.stop()))
    }
  }

  /** Where the requests of a job are to arrive. */
  destination({ kind, ...contender }: Contender, job: CostJob): BackendName {
    return kind === 'node' && 'proxy' in contender && contender.proxy === 'http-proxy-3'
      ? 'text'
      : job.backend
  }

  async #verify(entrant: Entrant, job: CostJob & { readonly name: JobName }): Promise<void> {
    const url = entrant.urlFor(job.backend)
    const { status, body } = await this.load.call('send', url, job.name, 1)
    const expected = answerOf(this.destination(entrant.contender, job), bodyOf(job.name).length)
    if (status !== 200 || body !== expected)
      throw new Error(
        `${entrant.contender.label} does not route right: ${job.title} got ${status} ${body}, not ${expected}`,
      )
  }

  async #start(contender: Contender): Promise<Entrant> {
    switch (contender.kind) {
      case 'none':
        return { contender, urlFor: (backend) => this.#urls[backend], pid: undefined, stop: async () => {} }
      case 'node': {
        const child = new Child<ProxyProcess>(this.#proxy, { core: PROXY_CORE })
        const { proxy: kind, keepAlive } = contender
        const url = await child.call('start', { kind, backends: this.#urls, keepAlive })
        return { contender, urlFor: () => url, pid: child.pid, stop: () => child.stop() }
      }
      case 'nginx': {
        const { nginx, luaModules } = this.#tools
        if (nginx === undefined) throw new Error('nginx is not installed')
        const routing = { backends: this.#urls, keepAlive: contender.keepAlive }
        const lua = contender.technique === 'lua'
        const config = lua ? byLua(routing) : byRegularExpression(routing)
        const modules = lua ? luaModules : []
        const { url, pid, stop } = await startNginx(nginx, config, {
          core: PROXY_CORE,
          modules: modules ?? [],
        })
        return { contender, urlFor: () => url, pid, stop }
      }
      case 'fastapi': {
        const { python } = this.#tools
        if (python === undefined) throw new Error('FastAPI is not installed')
        const { url, pid, stop } = await startServer(
          {
            program: python,
            args: (port) => [
              ...['-m', 'uvicorn', 'router:app', '--app-dir', fileURLToPath(new URL('.', import.meta.url))],
              ...['--port', String(port), '--no-access-log', '--log-level', 'error', '--backlog', '1024'],
            ],
            env: {
              TEXT_URL: this.#urls.text,
              IMAGE_URL: this.#urls.image,
              KEEP_ALIVE: contender.keepAlive ? '1' : '0',
              PYTHONDONTWRITEBYTECODE: '1',
            },
          },
          { core: PROXY_CORE },
        )
        return { contender, urlFor: () => url, pid, stop }
      }
    }
  }
}
