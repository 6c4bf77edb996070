import type { ServerResponse } from 'node:http'
import { defaults } from './defaults.ts'

/** The open pages: each is a response that carries server-sent events. */
export class Viewers {
  readonly #all = new Set<ServerResponse>()
  readonly #onLast: () => void

  /** @param onLast Called when the last viewer has left. */
  constructor(onLast: () => void) {
    this.#onLast = onLast
  }

  get count(): number {
    return this.#all.size
  }

  get isFull(): boolean {
    return this.#all.size >= defaults.viewers
  }

  /** Adds a response and sends its first event. */
  add(res: ServerResponse, first: string): void {
    this.#all.add(res)
    res.on('error', () => {})
    res.once('close', () => {
      if (this.#all.delete(res) && this.#all.size === 0) this.#onLast()
    })
    res.flushHeaders()
    // `retry` is the delay in milliseconds before the browser reconnects.
    res.write(`retry: 2000\n\n${eventOf(first)}`)
  }

  /** Sends an event to every viewer. One with a full backlog is disconnected; its browser reconnects and gets a whole report. */
  send(message: string): void {
    const event = eventOf(message)
    for (const res of this.#all) {
      if (res.writableLength > defaults.backlog) res.destroy()
      else res.write(event)
    }
  }

  /** Ends every response. */
  end(): void {
    for (const res of this.#all) {
      if (res.writableNeedDrain) res.destroy()
      else res.end()
    }
  }
}

/** One event. JSON has no line breaks, so one `data` line is enough. */
function eventOf(json: string): string {
  return `data: ${json}\n\n`
}
