import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { type Endpoint, formatEndpoint } from './endpoint.ts'
import type { Resolver } from './resolver.ts'
import { asError, combined, type Find, type Found, findHost, findService } from './sources.ts'

/** What a backend's endpoints are found by. */
export interface DiscoverySettings {
  /** Names of hosts. */
  readonly names: readonly string[]
  /** Port of these hosts. */
  readonly port: number
  /** Names of services, which have SRV records. */
  readonly services: readonly string[]
  /** The longest time between two resolutions, in milliseconds; a TTL may make it shorter. */
  readonly interval: number
}

/** What one resolution of all names has found. */
export interface Discovered {
  /** Of a name that could not be resolved, what it has last stood for; empty when there has never been an answer. */
  readonly endpoints: readonly Endpoint[]
  /** Why a name, or that of a server of a service, could not be resolved. */
  readonly error: Error | undefined
}

/** Resolves a backend's names again and again. */
export class Discovery {
  readonly #clock: Clock
  #interval: number
  readonly #sources: readonly Source[]
  readonly #onDiscovered: (discovered: Discovered) => void
  #state: 'new' | 'started' | 'stopped' = 'new'
  #round: AbortController | undefined
  #asked = 0
  #cancel: (() => void) | undefined

  constructor(
    clock: Clock,
    { names, port, services, interval }: DiscoverySettings,
    resolver: Resolver,
    onDiscovered: (discovered: Discovered) => void,
  ) {
    this.#clock = clock
    this.#interval = interval
    this.#sources = [
      ...names.map((name) => new Source(findHost(resolver, name, port))),
      ...services.map((name) => new Source(findService(resolver, name))),
    ]
    this.#onDiscovered = onDiscovered
  }

  /** Resolves at once, and goes on until `stop()`. */
  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'started'
    this.#ask()
  }

  /** The same names are resolved as often as these settings say, from the next time on. */
  adapt({ interval }: DiscoverySettings): void {
    const shorter = interval < this.#interval
    this.#interval = interval
    if (shorter) this.doubt()
  }

  /** For good. */
  stop(): void {
    this.#state = 'stopped'
    this.#cancel?.()
    this.#round?.abort(new Error('stopped'))
    this.#round = undefined
  }

  /** Something is wrong with an endpoint: there may be others by now. */
  doubt(): void {
    if (this.#round === undefined && this.#state === 'started')
      this.#askIn(this.#asked + defaults.resolvePause - this.#clock.now())
  }

  #askIn(milliseconds: number): void {
    this.#cancel?.()
    this.#cancel = this.#clock.after(Math.max(0, milliseconds), () => this.#ask())
  }

  #ask(): void {
    const round = new AbortController()
    this.#round = round
    this.#asked = this.#clock.now()
    const cancel = this.#clock.after(defaults.resolveTimeout, () =>
      round.abort(new Error(`no answer within ${defaults.resolveTimeout / 1_000} s`)),
    )
    round.signal.addEventListener('abort', cancel)
    Promise.all(this.#sources.map((source) => source.ask(round.signal))).then((answers) => {
      cancel()
      if (this.#round !== round) return
      this.#round = undefined
      this.#heed(answers)
    })
  }

  #heed(answers: readonly Found[]): void {
    const errors = answers.flatMap(({ error }) => error ?? [])
    const ttl = Math.min(...answers.map((answer) => answer.ttl))
    const pause = errors.length > 0 ? 0 : Math.min(ttl, this.#interval)
    this.#askIn(Math.max(pause, defaults.resolvePause))
    // Two names may stand for one server.
    const endpoints = new Map(
      answers.flatMap((answer) => answer.endpoints.map((endpoint) => [formatEndpoint(endpoint), endpoint])),
    )
    this.#onDiscovered({ endpoints: [...endpoints.values()], error: combined(errors) })
  }
}

/** One name, and what it has last stood for. */
class Source {
  readonly #find: Find
  #last: readonly Endpoint[] = []

  constructor(find: Find) {
    this.#find = find
  }

  /** Never rejects, and settles when the signal is aborted. */
  async ask(signal: AbortSignal): Promise<Found> {
    try {
      const found = await Promise.race([this.#find(signal), aborted(signal)])
      this.#last = found.endpoints
      return found
    } catch (error) {
      return {
        endpoints: this.#last,
        ttl: Number.POSITIVE_INFINITY,
        error: asError(error),
      }
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}
