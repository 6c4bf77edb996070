import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** How an ML server does, for the time being. */
export interface Manner {
  /** Milliseconds for a job, by a word in its entries, such as `ocr`; the first that fits counts. */
  readonly times: Readonly<Record<string, number>>
  /** Words in the entries of jobs that it answers with 500. */
  readonly failsAt?: readonly string[]
}

/** A stand-in for an ML server whose jobs take now longer and now less, as they do. */
export class Machine {
  readonly #threads: number
  readonly #waiting: (() => void)[] = []
  readonly #random: () => number
  #manner: Manner
  #running = 0
  #server: http.Server | undefined
  #port = 0

  constructor(threads: number, manner: Manner, random: () => number) {
    this.#threads = threads
    this.#manner = manner
    this.#random = random
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  behave(manner: Partial<Manner>): void {
    this.#manner = { ...this.#manner, ...manner }
  }

  async start(): Promise<void> {
    const server = http.createServer((req, res) => {
      this.#answer(req, res).catch(() => res.destroy())
    })
    this.#server = server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  /** Nothing listens any more. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  async #answer(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
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
    res.end(failed ? '{"detail":"Internal Server Error"}' : '{"clip":"[0.1]"}')
  }
}
