import type { Report } from '../src/wire.ts'

export type LinkState = 'connecting' | 'live' | 'lost'

/** The server says something every five seconds at least. */
const SILENCE = 12_000
const RETRY = 2_000

export interface StreamOptions {
  readonly url: string
  readonly onReport: (report: Report) => void
  readonly onState: (state: LinkState) => void
}

/** The reports of the server, for as long as somebody looks. It comes back by itself when the connection is lost. */
export class Stream {
  readonly #options: StreamOptions
  #source: EventSource | undefined
  #state: LinkState = 'connecting'
  #heardAt = performance.now()
  #retry: number | undefined

  constructor(options: StreamOptions) {
    this.#options = options
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') this.#close()
      else this.#open()
    })
    setInterval(() => this.#watch(), 1_000)
    this.#open()
  }

  /** How long it is since the server has said something, in milliseconds. */
  get silence(): number {
    return performance.now() - this.#heardAt
  }

  #open(): void {
    if (this.#source !== undefined) return
    const source = new EventSource(this.#options.url)
    this.#source = source
    source.onmessage = ({ data }: MessageEvent<string>) => {
      this.#heardAt = performance.now()
      this.#become('live')
      const report: Report = JSON.parse(data)
      this.#options.onReport(report)
    }
    source.onerror = () => {
      this.#become('lost')
      // An answer that is no stream ends it for good; a connection that breaks does not.
      if (source.readyState === EventSource.CLOSED) this.#openSoon()
    }
  }

  #close(): void {
    this.#source?.close()
    this.#source = undefined
    clearTimeout(this.#retry)
  }

  #openSoon(): void {
    this.#close()
    this.#retry = setTimeout(() => this.#open(), RETRY)
  }

  /** A connection that is silent may be dead without anybody having said so. */
  #watch(): void {
    if (this.#state !== 'live' || this.#source === undefined || this.silence < SILENCE) return
    this.#become('lost')
    this.#openSoon()
  }

  #become(state: LinkState): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onState(state)
  }
}
