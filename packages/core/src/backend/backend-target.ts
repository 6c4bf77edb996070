import { isDeepStrictEqual } from 'node:util'
import { defaults } from '../config/defaults.ts'
import { takeCredentials } from '../credentials.ts'
import type { Endpoint } from '../discover/endpoint.ts'
import { removeItem } from '../remove-item.ts'
import type { BackendTraits, TlsSettings } from './backend-settings.ts'

/** An attempt that is running on a backend. */
export interface RunningAttempt {
  /**
   * There will be no answer: the backend takes no connections any more, as its probes say, or it is frozen.
   *
   * @param cause The cause of the attempt's failure.
   */
  backendGone(cause: 'gone' | 'frozen'): void
}

/**
 * How requests are sent to a backend. Its headers and TLS settings hold credentials: they are methods, so that neither a log
 * nor `util.inspect` shows them.
 */
export class BackendTarget {
  /** Where predict requests go: the base path and `/predict`. */
  readonly url: URL
  /** The same without its origin. */
  readonly path: string
  /** Where connections go; to the host of the URL, when not given. */
  readonly address: Pick<Endpoint, 'address' | 'port'> | undefined
  #traits: BackendTraits
  #headers: Readonly<Record<string, string>> | undefined
  #isLeaving = false
  readonly #attempts: RunningAttempt[] = []
  #onClose: (() => void)[] = []

  /** @param url The base URL, without credentials. */
  constructor(url: string, address: Pick<Endpoint, 'address' | 'port'> | undefined, traits: BackendTraits) {
    this.url = new URL(`${url}/predict`)
    this.path = this.url.pathname
    this.address = address
    this.#traits = traits
    this.#headers = ownHeadersOf(traits)
  }

  /** Applies new settings. */
  configure(traits: BackendTraits): void {
    const { tls } = this.#traits
    // Other TLS settings make new connections.
    this.#traits = isDeepStrictEqual(traits.tls, tls) ? { ...traits, tls } : traits
    this.#headers = ownHeadersOf(traits)
  }

  /** Headers that only this backend gets, its credentials among them; `undefined` for none. */
  headers(): Readonly<Record<string, string>> | undefined {
    return this.#headers
  }

  /** The TLS settings of connections to it. A method, so that no log shows them. */
  tls(): TlsSettings | undefined {
    return this.#traits.tls
  }

  /** Longest time that a connection may take to open, in milliseconds, of all routes to it. */
  get connectTimeout(): number {
    return this.#traits.connectTimeout ?? defaults.connectTimeout
  }

  /** An attempt begins; it is called when the backend takes no connections any more. */
  enter(attempt: RunningAttempt): void {
    this.#attempts.push(attempt)
  }

  /** The attempt is over. */
  exit(attempt: RunningAttempt): void {
    removeItem(this.#attempts, attempt)
  }

  /** The backend takes no connections, or is frozen. */
  gone(cause: 'gone' | 'frozen'): void {
    for (const attempt of [...this.#attempts]) attempt.backendGone(cause)
  }

  /** Whether the backend gets no more requests, and is removed once it is idle. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** Says whether the backend gets no more requests and goes once it is idle. */
  setLeaving(isLeaving: boolean): void {
    this.#isLeaving = isLeaving
  }

  /** Calls back when no request goes there any more. */
  onClose(callback: () => void): void {
    this.#onClose.push(callback)
  }

  /** No request is running there, and none will be sent. */
  close(): void {
    for (const callback of this.#onClose.splice(0)) callback()
  }
}

/** The headers that only this backend may see, its credentials among them; `undefined` for none. */
function ownHeadersOf({ url, headers }: BackendTraits): Readonly<Record<string, string>> | undefined {
  const { base: _, ...authorization } = takeCredentials(url)
  const own = { ...authorization, ...headers }
  return Object.keys(own).length === 0 ? undefined : own
}
