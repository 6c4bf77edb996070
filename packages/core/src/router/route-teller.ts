import type { ServerResponse } from 'node:http'
import type { RouteExplanation } from '../explain/explanation.ts'
import { ROUTE_HEADER } from '../forward/headers.ts'
import type { Copy } from '../retry/race.ts'
import type { Lease } from '../routing/lease.ts'
import { routeHeader, type Story } from './route-header.ts'

/** A request on its way. */
interface Told extends Pick<Story, 'waited' | 'attempts'> {
  readonly res: ServerResponse
  readonly lease: Lease | undefined
}

/** Says in the response to a request what was decided, where that is asked for. */
export class RouteTeller {
  readonly #request: Told
  /** What was decided last. */
  #explained: RouteExplanation | undefined

  constructor(request: Told) {
    this.#request = request
  }

  noteDecision(explained: RouteExplanation): void {
    this.#explained = explained
    // For the signs of life of one that waits, with which the head of its response goes out.
    this.tell(undefined)
  }

  /** In a response that the router gives itself. */
  tell(error: unknown): void {
    const { res } = this.#request
    if (!res.headersSent) res.setHeader(ROUTE_HEADER, this.header(error))
  }

  /** @param copy The one whose answer is about to be given to the client. */
  header(error: unknown, copy?: Copy): string {
    const { lease, waited, attempts } = this.#request
    return routeHeader({
      explained: this.#explained,
      route: lease?.route,
      at: copy?.lease.backend,
      hedge: copy?.hedge ?? false,
      waited,
      attempts,
      error,
    })
  }
}
