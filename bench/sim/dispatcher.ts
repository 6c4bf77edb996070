import type { WORK } from '../pool/jobs.ts'

export type Job = keyof typeof WORK

export interface Request {
  readonly job: Job
  readonly client: string
  /** The units of work that it is, drawn: nobody knows them but who knows everything. */
  readonly work: number
}

/** Where a request has been sent. */
export interface Place {
  /** Its name. */
  readonly server: string
  /** The answer is there. */
  leave(): void
}

/** What sends requests to servers, or lets them wait. */
export interface Dispatcher {
  dispatch(request: Request): Promise<Place>
}
