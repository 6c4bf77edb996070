import type { Clock } from '../clock.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/**
 * A clock that a test advances. Pass it to `createRouter` as `clock`: a hold of 15 s then ends without a wait of 15 s.
 *
 * Timers run synchronously inside {@link FakeClock.advance}. Sockets are real, so await what a timer starts.
 *
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import type { AddressInfo } from 'node:net'
 * import { createRouter } from '@immich-ml-router/core'
 * import { FakeClock, immichForm, StubMlServer } from '@immich-ml-router/core/testing'
 *
 * // A search that no backend can answer is held for 15 s and then gets 503.
 * const clock = new FakeClock()
 * const gpu = await StubMlServer.start({ fault: 'refuse' })
 * const router = createRouter({ backends: { gpu: { url: gpu.url } }, clock })
 * const held = new Promise<unknown>((resolve) => router.on('hold', resolve))
 * const gateway = createServer((req, res) => router.handle(req, res)).listen(0)
 * await once(gateway, 'listening')
 *
 * const url = `http://localhost:${(gateway.address() as AddressInfo).port}/predict`
 * const answer = fetch(url, { method: 'POST', body: immichForm('textSearch', 'a red car') })
 * await held
 * clock.advance(15_000)
 * console.log((await answer).status) // 503
 *
 * gateway.close()
 * await Promise.all([router.close(), gpu.close()])
 * ```
 */
export class FakeClock implements Clock {
  #now = 0
  /** By time; timers for the same time in the order in which they were set. */
  readonly #timers: Timer[] = []

  /** Milliseconds that the test has advanced the clock; starts at 0. */
  now(): number {
    return this.#now
  }

  /** Calls back when the clock has advanced this much. Returns a function that cancels it. */
  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback }
    this.#timers.splice(this.#indexAfter(timer.at), 0, timer)
    return () => {
      const index = this.#timers.lastIndexOf(timer, this.#indexAfter(timer.at) - 1)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }

  /** Number of timers that have neither run nor been cancelled. */
  get pending(): number {
    return this.#timers.length
  }

  /** Advances the time by milliseconds without running timers, as if the process had been suspended. */
  shift(milliseconds: number): void {
    this.#now += milliseconds
  }

  /** Advances the time by milliseconds and runs the timers that come due, in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    while ((this.#timers[0]?.at ?? Number.POSITIVE_INFINITY) <= end) this.step()
    this.#now = Math.max(this.#now, end)
  }

  /**
   * Advances the time to the next timer and runs it.
   *
   * @returns `false` if no timer is pending.
   */
  step(): boolean {
    const timer = this.#timers.shift()
    if (timer === undefined) return false
    this.#now = Math.max(this.#now, timer.at)
    timer.callback()
    return true
  }

  /** The index of the first timer that is later than `at`. */
  #indexAfter(at: number): number {
    let [low, high] = [0, this.#timers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#timers[middle]?.at ?? Number.POSITIVE_INFINITY) > at) high = middle
      else low = middle + 1
    }
    return low
  }
}
