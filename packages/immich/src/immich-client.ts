import { errorOf, ImmichError } from './immich-error.ts'
import { QUEUES, type QueueName } from './queue-names.ts'

/** The state of one queue in Immich. */
export interface QueueStatus {
  readonly isPaused: boolean
  /** Jobs that are running. */
  readonly active: number
  /** Jobs that are not done: running, waiting, delayed or paused. */
  readonly remaining: number
}

export type QueueStatuses = ReadonlyMap<QueueName, QueueStatus>

/** Access to Immich. */
export interface ImmichAccess {
  readonly url: string
  readonly apiKey: string
}

/** How long Immich may take to answer, in milliseconds. */
const TIMEOUT = 5_000
/** Bytes of an answer that are read. The queues take 4 KB. */
const LARGEST_ANSWER = 262_144
/** Permissions that the router uses. */
export const PERMISSIONS = ['queue.read', 'queue.update', 'job.create'] as const

/** Calls Immich's API. Every call throws an {@link ImmichError}. */
export class ImmichClient {
  readonly #base: string
  readonly #key: string

  constructor({ url, apiKey }: ImmichAccess) {
    // People write the URL with and without the path of the API.
    this.#base = url.replace(/\/+$/, '').replace(/\/api$/, '')
    this.#key = apiKey
  }

  /** The machine-learning queues that Immich has. */
  async queues(signal?: AbortSignal): Promise<QueueStatuses> {
    const found = await this.#call('GET', '/api/queues', undefined, signal)
    if (!Array.isArray(found)) throw notImmich('/api/queues')
    const statuses = new Map<QueueName, QueueStatus>()
    for (const queue of found) {
      const name = QUEUES.find((one) => isRecord(queue) && queue['name'] === one)
      if (name !== undefined) statuses.set(name, statusOf(queue))
    }
    return statuses
  }

  /** Pauses or resumes a queue. */
  async setPaused(queue: QueueName, isPaused: boolean, signal?: AbortSignal): Promise<void> {
    await this.#call('PUT', `/api/queues/${queue}`, { isPaused }, signal)
  }

  /** Queues every asset that has no result yet, as Immich's button "Missing" does. */
  async startMissing(queue: QueueName, signal?: AbortSignal): Promise<void> {
    await this.#call('PUT', `/api/jobs/${queue}`, { command: 'start', force: false }, signal)
  }

  /** The permissions that the key lacks; `undefined` when Immich does not tell. */
  async lackingPermissions(signal?: AbortSignal): Promise<readonly string[] | undefined> {
    const key = await this.#call('GET', '/api/api-keys/me', undefined, signal)
    const granted: unknown = isRecord(key) ? key['permissions'] : undefined
    if (!Array.isArray(granted)) return undefined
    return granted.includes('all') ? [] : PERMISSIONS.filter((permission) => !granted.includes(permission))
  }

  /** @returns The JSON of the answer. */
  async #call(
    method: 'GET' | 'PUT',
    path: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const timeout = AbortSignal.timeout(TIMEOUT)
    let status: number
    let text: string
    try {
      const response = await fetch(this.#base + path, {
        method,
        headers: {
          'x-api-key': this.#key,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        redirect: 'manual',
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      status = response.status
      text = await readText(response)
    } catch (error) {
      throw new ImmichError('unreachable', `Immich does not answer: ${reasonOf(error)}`, { cause: error })
    }
    if (status < 200 || status > 299) throw errorOf(status, text, path)
    if (text === '') return undefined
    try {
      return JSON.parse(text)
    } catch {
      throw notImmich(path)
    }
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    // Leaving the loop closes the connection.
    if (size > LARGEST_ANSWER) throw new Error(`its answer is larger than ${LARGEST_ANSWER} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT / 1_000} s`
  return error.cause instanceof Error ? error.cause.message : error.message
}

function notImmich(path: string): ImmichError {
  return new ImmichError('refused', `the answer to ${path} is not that of Immich; check immich.url`)
}

function statusOf(queue: unknown): QueueStatus {
  const { isPaused, statistics } = isRecord(queue) ? queue : {}
  const count = (name: string) => {
    const value: unknown = isRecord(statistics) ? statistics[name] : undefined
    return typeof value === 'number' && value >= 0 ? value : 0
  }
  if (typeof isPaused !== 'boolean' || !isRecord(statistics)) throw notImmich('/api/queues')
  const active = count('active')
  return { isPaused, active, remaining: active + count('waiting') + count('delayed') + count('paused') }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
