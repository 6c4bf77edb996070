import type { ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import type { ErrorCode } from '../errors.ts'
import { discardUpload } from '../forward/response-writer.ts'

/** Refusals of requests that the router would have held. Where it does not hold, other URLs may follow in Immich's list. */
const SLOW: ReadonlySet<ErrorCode> = new Set([
  'hold-full',
  'hold-expired',
  'queue-full',
  'queue-expired',
  'no-backend-available',
  'backend-failed',
  'backend-timeout',
])

/** Clients whose last refusal is remembered. */
const MAX_CLIENTS = 1_000

interface Client {
  /** When it may be refused something again, on the clock. */
  due: number
  /** Refusals that wait for their turn. */
  readonly turns: (() => void)[]
  cancel: () => void
}

/**
 * Spaces out the refusals to one client address. Immich counts a refused job as done and starts the next one at once: quick
 * refusals empty its queue at hundreds of jobs a second.
 */
export class SlowRefusals {
  readonly #clock: Clock
  readonly #clients = new Map<string, Client>()
  #waiting = 0
  #stopped = false

  /** @param stopping Aborting it sends every refusal at once. */
  constructor(clock: Clock, stopping?: AbortSignal) {
    this.#clock = clock
    if (stopping?.aborted === true) this.#stop()
    else stopping?.addEventListener('abort', () => this.#stop(), { once: true })
  }

  /** Refusals that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Calls back when this client may be refused: at once, unless it was refused something within the interval.
   *
   * @returns A function that leaves the queue.
   */
  take(address: string, onTurn: () => void): () => void {
    const now = this.#clock.now()
    const client = this.#clientOf(address, now)
    if (client === undefined || this.#waiting >= defaults.maxSlowRefusals) {
      onTurn()
      return ignore
    }
    if (client.turns.length === 0 && client.due <= now) {
      client.due = now + defaults.refusalInterval
      onTurn()
      return ignore
    }
    const turn = () => onTurn()
    client.turns.push(turn)
    this.#waiting++
    if (client.turns.length === 1) this.#wait(client)
    return () => this.#leave(client, turn)
  }

  /** @returns `undefined` when its refusals are not spaced out. */
  #clientOf(address: string, now: number): Client | undefined {
    if (this.#stopped) return undefined
    const known = this.#clients.get(address)
    if (known !== undefined) return known
    if (this.#clients.size >= MAX_CLIENTS)
      for (const [other, { due, turns }] of this.#clients)
        if (turns.length === 0 && due <= now) this.#clients.delete(other)
    if (this.#clients.size >= MAX_CLIENTS) return undefined
    const client: Client = { due: Number.NEGATIVE_INFINITY, turns: [], cancel: ignore }
    this.#clients.set(address, client)
    return client
  }

  #wait(client: Client): void {
    client.cancel = this.#clock.after(Math.max(0, client.due - this.#clock.now()), () => {
      const turn = client.turns.shift()
      if (turn === undefined) return
      this.#waiting--
      client.due = this.#clock.now() + defaults.refusalInterval
      if (client.turns.length > 0) this.#wait(client)
      turn()
    })
  }

  #leave({ turns, cancel }: Client, turn: () => void): void {
    const index = turns.indexOf(turn)
    if (index === -1) return
    turns.splice(index, 1)
    this.#waiting--
    if (turns.length === 0) cancel()
  }

  #stop(): void {
    this.#stopped = true
    const clients = [...this.#clients.values()]
    this.#clients.clear()
    this.#waiting = 0
    for (const { turns, cancel } of clients) {
      cancel()
      for (const turn of turns.splice(0)) turn()
    }
  }
}

const ignore = () => {}

/** A request that may have to be refused, and by what. */
export interface Refusable {
  /** The policy that decides on it: one for all requests whose refusals are spaced out together. */
  readonly by: { readonly clock: Clock; readonly stopping: AbortSignal }
  /** The client's address. */
  readonly client: string | undefined
  /** Frees the request's body. */
  readonly drop: () => void
}

const refusables = new WeakMap<ServerResponse, Refusable>()
const refusals = new WeakMap<Refusable['by'], SlowRefusals>()

/** Has a request refused slowly: a bulk request on a route that holds, which the router cannot serve. */
export function refuseSlowly(res: ServerResponse, refusable: Refusable): void {
  refusables.set(res, refusable)
}

/** Resolves when this error may be sent; `undefined` when that is now. */
export function turnToRefuse(res: ServerResponse, code: ErrorCode): Promise<void> | undefined {
  const refusable = SLOW.has(code) ? refusables.get(res) : undefined
  if (refusable === undefined || res.headersSent || res.destroyed) return undefined
  const { by, client = '', drop } = refusable
  const slow = refusals.get(by) ?? new SlowRefusals(by.clock, by.stopping)
  refusals.set(by, slow)
  let isNow = false
  const { promise, resolve } = Promise.withResolvers<void>()
  const leave = slow.take(client, () => {
    isNow = true
    resolve()
  })
  if (isNow) return undefined
  drop()
  discardUpload(res.req)
  const onClose = () => {
    leave()
    resolve()
  }
  res.once('close', onClose)
  return promise.finally(() => res.off('close', onClose))
}
