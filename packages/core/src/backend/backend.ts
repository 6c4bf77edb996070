import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { Health, type HealthChange, type HealthStatus } from './health.ts'
import type { Outcome } from './outcome.ts'

/** What is known of a backend, without its credentials. */
export interface BackendInfo {
  readonly name: string
  /** The base URL as configured, without credentials. */
  readonly url: string
}

/** The right to send one request. */
export interface Slot {
  /** Whether this request finds out if the backend is back. */
  readonly trial: boolean
  release(outcome?: Outcome): void
}

/** One ML server with its live state. Strategies read it; only a lease changes it. */
export class Backend implements BackendInfo {
  readonly name: string
  readonly url: string
  /** Share in the weighted strategies, above 0. */
  readonly weight: number
  /** Where predict requests go: the base path and `/predict`. */
  readonly predictUrl: URL
  #inFlight = 0
  readonly #health: Health
  readonly #authorization: string | undefined

  /** Longest time that a connection to it may take to open, in milliseconds, of all routes to it. */
  readonly connectTimeout: number

  constructor(
    name: string,
    options: {
      readonly url: string
      readonly weight: number
      readonly connectTimeout?: number
      readonly clock?: Clock
      readonly onChange?: (change: HealthChange) => void
    },
  ) {
    this.#health = new Health(options.clock ?? systemClock, options.onChange)
    const base = new URL(options.url)
    this.#authorization = basicAuthorization(base)
    base.username = ''
    base.password = ''
    this.name = name
    this.weight = options.weight
    this.connectTimeout = options.connectTimeout ?? defaults.connectTimeout
    this.url = base.href.replace(/\/+$/, '')
    this.predictUrl = new URL(`${this.url}/predict`)
  }

  /** Requests that hold a lease on this backend. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** The `Authorization` header that only this backend may see; kept out of every enumerable member and so of logs. */
  authorization(): string | undefined {
    return this.#authorization
  }

  /** What the outcomes of its requests say about it. */
  get health(): HealthStatus {
    return this.#health.status
  }

  /** Whether it is not ejected, as a whole or for one of these tasks. */
  available(tasks: readonly string[]): boolean {
    return this.#health.available(tasks)
  }

  /** When it may be tried again, on the clock; 0 when it is not ejected. */
  availableAt(tasks: readonly string[]): number {
    return this.#health.availableAt(tasks)
  }

  /** Takes a slot for a request with these tasks; `release` gives it back, once however often it is called. */
  reserve(tasks: readonly string[] = []): Slot {
    this.#inFlight++
    const ticket = this.#health.begin(tasks)
    let held = true
    const release = (outcome?: Outcome) => {
      if (!held) return
      held = false
      this.#inFlight--
      this.#health.record(ticket, outcome)
    }
    return { trial: ticket.trials.size > 0, release }
  }
}

function basicAuthorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}
