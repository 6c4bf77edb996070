import { Readable } from 'node:stream'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { ClassifyLimits } from '../config/policy.ts'
import { membersOf } from '../judge/json-members.ts'
import { BodyReleasedError, entriesReader } from '../parts.ts'

/** The `entries` of a request: the bytes of each task, and where they are in the body. */
export interface WrittenEntries {
  /** Offset in the body. */
  readonly start: number
  readonly end: number
  /** The entries of one task, in the order of the request. */
  readonly byTask: ReadonlyMap<string, Buffer>
}

/**
 * Reads the whole body, and finds its entries with the reader that classifies requests.
 *
 * @param tasks Those of the classification.
 * @returns `undefined` for another format than Immich's, or where middleware has replaced the classification.
 * @throws {RouterError} when the body fails.
 */
export async function readEntries(
  body: ReplayBody,
  contentType: string | undefined,
  tasks: readonly string[],
  limits: ClassifyLimits | undefined,
): Promise<WrittenEntries | undefined> {
  const reader = entriesReader(contentType, limits)
  if (reader === undefined) return undefined
  let isFound = false
  for await (const chunk of body.stream()) if (!isFound) isFound = reader.push(chunk) !== undefined
  if (reader.entries === undefined) return undefined
  const { start, bytes } = reader.entries
  const byTask = new Map<string, Buffer>()
  for (const [task, member] of membersOf(bytes)?.byName ?? []) {
    if (!tasks.includes(task)) continue
    const job = bytes.subarray(member.start, member.end)
    byTask.set(task, Buffer.concat([Buffer.from(`{${JSON.stringify(task)}:`), job, Buffer.from('}')]))
  }
  return byTask.size === tasks.length ? { start, end: start + bytes.length, byTask } : undefined
}

/** The complete body of a request with other entries. All else are the bytes of the request, which retains them. */
export class PartBody implements ReplayBody {
  readonly size: number
  readonly complete = true
  readonly ready = true
  readonly givenUp = false
  readonly starving = false
  retained = true
  readonly #body: ReplayBody
  readonly #written: WrittenEntries
  readonly #own: Buffer
  readonly #onRelease: () => void

  /**
   * @param own The bytes in place of the written entries.
   * @param onRelease Called once, when no further stream will be opened.
   */
  constructor(body: ReplayBody, written: WrittenEntries, own: Buffer, onRelease: () => void) {
    this.size = body.size - (written.end - written.start) + own.length
    this.#body = body
    this.#written = written
    this.#own = own
    this.#onRelease = onRelease
  }

  stream(): Readable {
    if (!this.retained) throw new BodyReleasedError()
    return Readable.from(this.#replaced(this.#body.stream()), { objectMode: false })
  }

  beginning(most: number): Buffer {
    const { start, end } = this.#written
    const bytes = this.#body.beginning(most + end - start)
    if (bytes.length < end) return bytes.subarray(0, Math.min(most, start))
    return Buffer.concat([bytes.subarray(0, start), this.#own, bytes.subarray(end)]).subarray(0, most)
  }

  /** The body of the request is retained until all parts are answered. */
  retain(): void {}

  hold(store: BodyStore, where: 'disk' | 'memory'): void {
    this.#body.hold(store, where)
  }

  release(): void {
    if (!this.retained) return
    this.retained = false
    this.#onRelease()
  }

  destroy(): void {
    this.release()
  }

  async *#replaced(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const { start, end } = this.#written
    let at = 0
    for await (const chunk of chunks) {
      const before = start - at
      if (before > 0) yield chunk.subarray(0, before)
      if (before >= 0 && before < chunk.length) yield this.#own
      if (end - at < chunk.length) yield chunk.subarray(Math.max(0, end - at))
      at += chunk.length
    }
  }
}
