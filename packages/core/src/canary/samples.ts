import type { Entry } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import { isRecord } from '../record.ts'

/** A request that was answered well. */
export interface Sample {
  readonly body: Buffer
  readonly contentType: string
}

/** Samples that are kept. */
const MOST_SAMPLES = 16
/** Largest body of a sample, in bytes. */
export const LARGEST_SAMPLE = 512 * 1024
/** How old a sample gets before the next good request of its kind replaces it, in milliseconds: copying a body takes time. */
const SAMPLE_AGE = 60_000
/** Digests of entries that are kept. */
const MOST_ENTRIES = 1_024

/**
 * What canaries are made of: for each kind of job, a recent request that some backend has answered well, with a result that is
 * not empty. It is in memory only.
 */
export class CanarySamples {
  readonly #clock: Clock
  /** By key, the one that was kept last at the end. */
  readonly #samples = new Map<string, Sample & { readonly time: number }>()
  /** Entries that some backend has answered well: as digests, and those that requests share as objects. */
  readonly #digests = new Set<string>()
  readonly #seen = new WeakSet<readonly Entry[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether a request of this kind that is answered well should be kept. */
  isDue(key: string): boolean {
    const known = this.#samples.get(key)
    return known === undefined || this.#clock.now() - known.time >= SAMPLE_AGE
  }

  /** Keeps a copy of the bytes. Does nothing when they are too large. */
  keep(key: string, { body, contentType }: Sample): void {
    if (body.length > LARGEST_SAMPLE) return
    this.#samples.delete(key)
    for (const oldest of this.#samples.keys()) {
      if (this.#samples.size < MOST_SAMPLES) break
      this.#samples.delete(oldest)
    }
    this.#samples.set(key, { body: Buffer.from(body), contentType, time: this.#clock.now() })
  }

  get(key: string): Sample | undefined {
    return this.#samples.get(key)
  }

  /** Some backend has answered a request with these entries well. @param digest Their digest, called when it is needed. */
  answered(entries: readonly Entry[], digest: () => string): void {
    if (this.#seen.has(entries)) return
    this.#seen.add(entries)
    if (this.#digests.size >= MOST_ENTRIES) this.#digests.clear()
    this.#digests.add(digest())
  }

  /** Whether some backend has answered a request with these entries well. */
  hasAnswered(digest: string): boolean {
    return this.#digests.has(digest)
  }
}

/** Whether an answer has a non-empty result for each task: a face or text was found, so every model of the job has run. */
export function hasResult(answer: Buffer, tasks: readonly string[]): boolean {
  let value: unknown
  try {
    value = JSON.parse(answer.toString())
  } catch {
    return false
  }
  return isRecord(value) && tasks.every((task) => isFilled(value[task]))
}

function isFilled(result: unknown): boolean {
  if (Array.isArray(result)) return result.length > 0
  if (isRecord(result)) return Object.values(result).some(isFilled)
  // CLIP sends the embedding as JSON text, and `[]` is empty.
  return typeof result === 'string' ? result.length > 2 : result !== undefined && result !== null
}
