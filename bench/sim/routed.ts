import { type Clock, type Policy, selectBackend } from '@immich-ml-router/core'
import type { Classified } from '@immich-ml-router/core/parts'
import type { ImmichJob } from '@immich-ml-router/core/testing'

export interface Request {
  readonly job: ImmichJob
  readonly client: string
  /** The units of work that it is, which only `AllKnown` looks at. */
  readonly work: number
}

/** Where a request was sent. */
export interface Place {
  /** Its name. */
  readonly server: string
  /** The answer has come. */
  leave(): void
}

/** Sends requests to servers, or queues them. */
export interface Dispatcher {
  dispatch(request: Request): Promise<Place>
}

const CLASSIFIED: Readonly<Record<ImmichJob, Classified>> = {
  textSearch: job('clip', 'textual', 'text'),
  indexing: job('clip', 'visual', 'image'),
  faces: job('facial-recognition', 'detection', 'image'),
  ocr: job('ocr', 'detection', 'image'),
}

const ANSWERED = {
  kind: 'answered',
  status: 200,
  verdict: { kind: 'good' },
  reachedBackend: true,
  reachedClient: true,
} as const

/** The real selection of core. */
export class Routed implements Dispatcher {
  readonly #select: ReturnType<typeof selectBackend>

  constructor(policy: Policy, clock: Clock) {
    this.#select = selectBackend(policy, { clock })
  }

  async dispatch({ job, client }: Request): Promise<Place> {
    const lease = await this.#select(CLASSIFIED[job], { request: { client } })
    return { server: lease.backend.name, leave: () => lease.release(ANSWERED) }
  }
}

function job(task: string, type: string, input: 'text' | 'image'): Classified {
  return { classified: true, entries: [{ task, type, model: 'm', options: {} }], tasks: [task], input }
}
