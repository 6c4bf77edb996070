import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { type Endpoint, formatEndpoint } from './endpoint.ts'
import { asError, hostLookup, joinErrors, type Lookup, type LookupResult, serviceLookup } from './lookup.ts'
import type { Resolver } from './resolver.ts'

/** How a backend's endpoints are discovered. */
export interface DiscoverySettings {
  /** Host names. */
  readonly names: readonly string[]
  /** Port of the hosts. */
  readonly port: number
  /** Names of services with SRV records. */
  readonly services: readonly string[]
  /** Longest time between two lookups in milliseconds; a TTL can shorten it. */
  readonly interval: number
}

/** The result of one lookup of all names. */
export interface Discovered {
  /** A name that cannot be resolved keeps its previous endpoints, if it had any. */
  readonly endpoints: readonly Endpoint[]
  /** Why a name, or the target of a service, could not be resolved. */
  readonly error: Error | undefined
}

/** Resolves a backend's names periodically. */
export class Discovery {
  readonly #clock: Clock
  #interval: number
  readonly #lookups: readonly Lookup[]
  readonly #onDiscovered: (discovered: Discovered) => void
  #state: 'new' | 'started' | 'stopped' = 'new'
  #round: AbortController | undefined
  #lastStart = 0
  #cancel: (() => void) | undefined

  constructor(
    clock: Clock,
    { names, port, services, interval }: DiscoverySettings,
    resolver: Resolver,
    onDiscovered: (discovered: Discovered) => void,
  ) {
    this.#clock = clock
    this.#interval = interval
    this.#lookups = [
      ...names.map((name) => hostLookup(resolver, name, port)),
      ...services.map((name) => serviceLookup(resolver, name)),
    ].map(keepingEndpoints)
    this.#onDiscovered = onDiscovered
  }

  /** Resolves at once, and periodically until `stop()`. */
  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'started'
    this.#resolve()
  }

  /** Applies another interval to the same names. */
  configure({ interval }: DiscoverySettings): void {
    const shorter = interval < this.#interval
    this.#interval = interval
    if (shorter) this.refresh()
  }

  /** Stops for good. */
  stop(): void {
    this.#state = 'stopped'
    this.#cancel?.()
    this.#round?.abort(new Error('stopped'))
    this.#round = undefined
  }

  /** Resolves soon: an endpoint failed, so the addresses may have changed. */
  refresh(): void {
    if (this.#round === undefined && this.#state === 'started')
      this.#resolveIn(this.#lastStart + defaults.resolvePause - this.#clock.now())
  }

  #resolveIn(milliseconds: number): void {
    this.#cancel?.()
    this.#cancel = this.#clock.after(Math.max(0, milliseconds), () => this.#resolve())
  }

  #resolve(): void {
    const round = new AbortController()
    this.#round = round
    this.#lastStart = this.#clock.now()
    const cancel = this.#clock.after(defaults.resolveTimeout, () =>
      round.abort(new Error(`no answer within ${defaults.resolveTimeout / 1_000} s`)),
    )
    round.signal.addEventListener('abort', cancel)
    Promise.all(this.#lookups.map((lookup) => lookup(round.signal))).then((answers) => {
      cancel()
      if (this.#round !== round) return
      this.#round = undefined
      this.#publish(answers)
    })
  }

  #publish(answers: readonly LookupResult[]): void {
    const errors = answers.flatMap(({ error }) => error ?? [])
    const ttl = Math.min(...answers.map((answer) => answer.ttl))
    const pause = errors.length > 0 ? 0 : Math.min(ttl, this.#interval)
    this.#resolveIn(Math.max(pause, defaults.resolvePause))
    // Two names may resolve to the same endpoint.
    const endpoints = new Map(
      answers.flatMap((answer) => answer.endpoints.map((endpoint) => [formatEndpoint(endpoint), endpoint])),
    )
    this.#onDiscovered({ endpoints: [...endpoints.values()], error: joinErrors(errors) })
  }
}

/** A lookup that never rejects, and settles when the signal is aborted: without a result, the name keeps its endpoints. */
function keepingEndpoints(lookup: Lookup): Lookup {
  let endpoints: readonly Endpoint[] = []
  return async (signal) => {
    try {
      const found = await Promise.race([lookup(signal), aborted(signal)])
      endpoints = found.endpoints
      return found
    } catch (error) {
      return { endpoints, ttl: Number.POSITIVE_INFINITY, error: asError(error) }
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}
