import type { ServerResponse } from 'node:http'
import { defaults } from '../config/defaults.ts'

/** Those who look: each a response that goes on, as server-sent events. */
export class Viewers {
  readonly #all = new Set<ServerResponse>()
  readonly #onLast: () => void

  /** @param onLast Called when nobody looks any more. */
  constructor(onLast: () => void) {
    this.#onLast = onLast
  }

  get count(): number {
    return this.#all.size
  }

  /** Whether one more may look. */
  get isFull(): boolean {
    return this.#all.size >= defaults.statusViewers
  }

  /** Begins an answer that goes on. */
  add(res: ServerResponse, first: string): void {
    this.#all.add(res)
    res.on('error', () => {})
    res.once('close', () => {
      if (this.#all.delete(res) && this.#all.size === 0) this.#onLast()
    })
    res.flushHeaders()
    // What it takes until it asks again when its connection breaks, in milliseconds.
    res.write(`retry: 2000\n\n${eventOf(first)}`)
  }

  /** Tells all of them. Whoever does not read what it was told is let go: it may come back, and begins anew. */
  tell(message: string): void {
    const event = eventOf(message)
    for (const res of this.#all) {
      if (res.writableLength > defaults.statusBacklog) res.destroy()
      else res.write(event)
    }
  }

  /** Ends all of them. */
  end(): void {
    for (const res of this.#all) {
      if (res.writableNeedDrain) res.destroy()
      else res.end()
    }
  }
}

/** JSON has no line breaks. */
function eventOf(json: string): string {
  return `data: ${json}\n\n`
}
