import { defaults } from '../defaults.ts'

/** What is known of a backend, without its credentials. */
export interface BackendInfo {
  readonly name: string
  /** The base URL as configured, without credentials. */
  readonly url: string
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
  readonly #authorization: string | undefined

  /** Longest time that a connection to it may take to open, in milliseconds, of all routes to it. */
  readonly connectTimeout: number

  constructor(
    name: string,
    options: { readonly url: string; readonly weight: number; readonly connectTimeout?: number },
  ) {
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

  /** Takes a slot; the function gives it back, once however often it is called. */
  reserve(): () => void {
    this.#inFlight++
    let held = true
    return () => {
      if (held) this.#inFlight--
      held = false
    }
  }
}

function basicAuthorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}
