import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { GOOD_ANSWER } from '@immich-ml-router/core/testing'
import { Listener } from '../../packages/core/src/testing/listener.ts'

/** The behaviour of an ML server, which can change while it runs. */
export interface Manner {
  /** Milliseconds for a job, by a word in its entries, such as `ocr`; the first match counts. */
  readonly times: Readonly<Record<string, number>>
  /** Words in the entries of jobs that it answers with 500. */
  readonly failsAt?: readonly string[]
}

/** A stub ML server whose job times vary. */
export class Machine {
  readonly #threads: number
  readonly #waiting: (() => void)[] = []
  readonly #random: () => number
  readonly #listener = new Listener({
    host: '127.0.0.1',
    port: 0,
    handle: (req, res) => this.#answer(req, res),
  })
  #manner: Manner
  #running = 0

  constructor(threads: number, manner: Manner, random: () => number) {
    this.#threads = threads
    this.#manner = manner
    this.#random = random
  }

  get url(): string {
    return this.#listener.url
  }

  behave(manner: Partial<Manner>): void {
    this.#manner = { ...this.#manner, ...manner }
  }

  start(): Promise<void> {
    return this.#listener.open()
  }

  /** Refuses connections until `start()`. */
  crash(): Promise<void> {
    return this.#listener.refuse()
  }

  close(): Promise<void> {
    return this.#listener.close()
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    if (req.method === 'GET') {
      res.end('pong')
      return
    }
    const entries = Buffer.concat(chunks).subarray(0, 1024).toString('latin1')
    const { times, failsAt = [] } = this.#manner
    if (this.#running >= this.#threads) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    const [, time = 0] = Object.entries(times).find(([word]) => entries.includes(word)) ?? []
    await sleep(time * (0.6 + this.#random() ** 3 * 1.8))
    this.#running--
    this.#waiting.shift()?.()
    const failed = failsAt.some((word) => entries.includes(word))
    res.writeHead(failed ? 500 : 200, { 'content-type': 'application/json' })
    res.end(failed ? '{"detail":"Internal Server Error"}' : GOOD_ANSWER)
  }
}
