import { type Classified, type Clock, type Policy, selectBackend } from '@immich-ml-router/core'
import type { Dispatcher, Job, Place, Request } from './dispatcher.ts'

const CLASSIFIED: Readonly<Record<Job, Classified>> = {
  textSearch: job('clip', 'textual', 'text'),
  indexing: job('clip', 'visual', 'image'),
  faces: job('facial-recognition', 'detection', 'image'),
  ocr: job('ocr', 'detection', 'image'),
}

/** The real selection of core. */
export class Routed implements Dispatcher {
  readonly #select: ReturnType<typeof selectBackend>

  constructor(policy: Policy, clock: Clock) {
    this.#select = selectBackend(policy, { clock })
  }

  async dispatch({ job, client }: Request): Promise<Place> {
    const lease = await this.#select(CLASSIFIED[job], { client })
    return {
      server: lease.backend.name,
      leave: () =>
        lease.release({
          kind: 'answered',
          status: 200,
          verdict: { kind: 'good' },
          reachedBackend: true,
          reachedClient: true,
        }),
    }
  }
}

function job(task: string, type: string, input: 'text' | 'image'): Classified {
  return { classified: true, entries: [{ task, type, model: 'm', options: {} }], tasks: [task], input }
}
