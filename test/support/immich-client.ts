import { type ImmichJob, immichForm } from '@immich-ml-router/core/testing'

/** Immich's default bulk workers: two for smart search, two for face detection, one for OCR. */
export const IMMICH_WORKERS: readonly ImmichJob[] = ['indexing', 'indexing', 'faces', 'faces', 'ocr']

/** The key of the result in the answer. */
const TASKS: Readonly<Record<ImmichJob, string>> = {
  textSearch: 'clip',
  indexing: 'clip',
  faces: 'facial-recognition',
  ocr: 'ocr',
}

const PING_INTERVAL = 30_000
const PING_TIMEOUT = 2_000

/**
 * Immich's machine learning client with a list of URLs (machine-learning.repository.ts). It tries healthy URLs first, in list
 * order. A network error or a status other than 2xx marks a URL unhealthy until its next good answer or ping, and the client
 * tries the next URL. After a 2xx it tries no other URL, whatever the body contains.
 */
export class ImmichClient {
  readonly #urls: readonly string[]
  readonly #unhealthy = new Set<string>()
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  /** Pings every URL now and every 30 s, until the client is closed. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#pingAll(), PING_INTERVAL)
    await this.#pingAll()
  }

  get closed(): boolean {
    return this.#stop.signal.aborted
  }

  /** Aborts the requests in flight. */
  close(): void {
    clearInterval(this.#timer)
    this.#stop.abort()
  }

  /** @throws {Error} if Immich would count the job as failed. The message is the error of the last URL. */
  async run(job: ImmichJob, payload: string | Blob): Promise<void> {
    const answer = await (await this.#post(immichForm(job, payload))).json()
    checkResult(job, answer)
  }

  async #post(body: FormData): Promise<Response> {
    let reason = 'no URL'
    for (const url of this.#inOrder()) {
      try {
        const signal = this.#stop.signal
        const response = await fetch(new URL('/predict', url), { method: 'POST', body, signal })
        if (response.ok) {
          this.#unhealthy.delete(url)
          return response
        }
        reason = `status ${response.status}`
        await response.body?.cancel()
      } catch (error) {
        if (this.#stop.signal.aborted) throw error
        reason = reasonOf(error)
      }
      this.#unhealthy.add(url)
    }
    throw new Error(reason)
  }

  #inOrder(): string[] {
    const healthy = (url: string) => !this.#unhealthy.has(url)
    return [...this.#urls.filter(healthy), ...this.#urls.filter((url) => !healthy(url))]
  }

  async #pingAll(): Promise<void> {
    await Promise.all(
      this.#urls.map(async (url) => {
        if (await answersPing(url)) this.#unhealthy.delete(url)
        else this.#unhealthy.add(url)
      }),
    )
  }
}

async function answersPing(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/ping', url), { signal: AbortSignal.timeout(PING_TIMEOUT) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}

/** Immich fails a job whose result is missing or an error. */
function checkResult(job: ImmichJob, answer: unknown): void {
  const task = TASKS[job]
  const result: unknown =
    typeof answer === 'object' && answer !== null ? new Map(Object.entries(answer)).get(task) : undefined
  if (result === undefined || result === null) throw new Error(`no ${task} in the answer`)
  if (typeof result === 'object' && 'error' in result) throw new Error(`error in the ${task} of the answer`)
}

/** The message of fetch is always `fetch failed`; the cause contains the reason. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof SyntaxError) return 'not JSON'
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return 'code' in cause ? String(cause.code) : cause.message
}

/** One job of a worker, or one search. Times come from the clock of the load. */
export interface JobRecord {
  readonly job: ImmichJob
  readonly start: number
  /** `null` if it was aborted at the end of the load. */
  readonly end: number | null
  /** Why the job failed; `null` if it succeeded. */
  readonly failure: string | null
  /** Whether no backend can decode its image, so that it may fail. */
  readonly undecodable: boolean
}

export interface LoadOptions {
  readonly client: ImmichClient
  readonly now: () => number
  /** Whether a worker starts another job. */
  readonly more: () => boolean
  readonly image: Blob
  /** Replaces the image of every job for which this returns true. */
  readonly undecodable?: { readonly image: Blob; readonly next: () => boolean }
  /** Called for every job that ends. */
  readonly record: (record: JobRecord) => void
}

/** Runs Immich's workers in a closed loop: each starts its next job at once, even after a failure. */
export async function runWorkers(options: LoadOptions): Promise<void> {
  const { more, image, undecodable } = options
  await Promise.all(
    IMMICH_WORKERS.map(async (job) => {
      while (more()) {
        const bad = undecodable?.next() ?? false
        await runJob(options, job, bad && undecodable !== undefined ? undecodable.image : image, bad)
      }
    }),
  )
}

/** Runs one text search. */
export function runSearch(options: Omit<LoadOptions, 'image' | 'more'>, text: string): Promise<void> {
  return runJob(options, 'textSearch', text, false)
}

async function runJob(
  { client, now, record }: Pick<LoadOptions, 'client' | 'now' | 'record'>,
  job: ImmichJob,
  payload: string | Blob,
  undecodable: boolean,
): Promise<void> {
  const start = now()
  let failure: string | null = null
  try {
    await client.run(job, payload)
  } catch (error) {
    if (client.closed) return record({ job, start, end: null, failure, undecodable })
    failure = reasonOf(error)
  }
  record({ job, start, end: now(), failure, undecodable })
}
