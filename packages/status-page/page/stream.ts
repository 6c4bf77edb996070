import type { Report } from '../src/wire.ts'

export type LinkState = 'connecting' | 'live' | 'lost'

/** Longest silence of a live connection, in milliseconds. The server sends a report every 5 s at least. */
const SILENCE = 12_000
const RETRY = 2_000

export interface StreamOptions {
  readonly url: string
  readonly onReport: (report: Report) => void
  readonly onState: (state: LinkState) => void
}

/** Receives the reports while the tab is visible, and reconnects when the connection is lost. */
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

  /** Time since the last report, in milliseconds. */
  get silence(): number {
    return performance.now() - this.#heardAt
  }

  #open(): void {
    if (this.#source !== undefined) return
    const source = new EventSource(this.#options.url)
    this.#source = source
    source.onmessage = ({ data }: MessageEvent<string>) => {
      this.#heardAt = performance.now()
      this.#setState('live')
      const report: Report = JSON.parse(data)
      this.#options.onReport(report)
    }
    source.onerror = () => {
      this.#setState('lost')
      // EventSource reconnects after a broken connection, but not after an answer that is no event stream.
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

  /** Reconnects after a long silence: the connection may be dead without an error. */
  #watch(): void {
    if (this.#state !== 'live' || this.#source === undefined || this.silence < SILENCE) return
    this.#setState('lost')
    this.#openSoon()
  }

  #setState(state: LinkState): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onState(state)
  }
}
