import type { IncomingMessage } from 'node:http'
import type { RequestHead } from '../incoming-message.ts'
import type { HoldEvent, Place } from './lease.ts'
import type { Decided } from './route-selector.ts'

/** Gets each decision on a request, before it is committed. */
export type OnDecision = (decided: Decided) => void

/** A request's wait, as the request sees it. */
export interface Wait {
  /** Why it began to wait. */
  readonly reason: HoldEvent['reason']
  /** The route and the reason by now. */
  readonly now: () => Pick<HoldEvent, 'route' | 'reason'>
  /** Ends the wait: the selection fails with this error. */
  leave(error: Error): void
  /** Says that the body has arrived. */
  ready(): void
}

/** How to select a backend for one request. */
export interface SelectOptions {
  /** Aborting it ends the selection with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Names or ids of backends that must not be chosen, such as those already tried. */
  readonly exclude?: Iterable<string> | undefined
  /**
   * Whether excluded backends are candidates again once no other is left to wait for.
   * @default false
   */
  readonly relaxes?: boolean | undefined
  /** Names or ids of backends that are chosen only when no other is available. */
  readonly avoid?: Iterable<string> | undefined
  /** Whether the request was sent before: then a backend without recent failures is preferred. */
  readonly retry?: boolean | undefined
  /** Its place in the queue: that of its first selection. */
  readonly place?: Place | undefined
  /**
   * When it may be sent at the earliest, on the clock: until then it waits as if no backend were available.
   * @default at once
   */
  readonly notBefore?: number | undefined
  /**
   * Bytes of its body, as far as they are known: a proxy in front of a backend may refuse large ones.
   * @default unknown
   */
  readonly size?: (() => number) | undefined
  /**
   * Whether the whole body has arrived. A queued request gets no slot before: a slow client must not keep it from others.
   * @default always
   */
  readonly isReady?: (() => boolean) | undefined
  /** When the request has to be complete, on the clock. */
  readonly deadline?: number | undefined
  /** Called at once when the request waits. */
  readonly onWait?: ((wait: Wait) => void) | undefined
  /**
   * The request of node:http or the web, or its head, for matches by header and path, functions in code, and tenants. A match by
   * header or path takes no request without it.
   * @default no headers, no client, and an empty path
   */
  readonly request?: Partial<RequestHead> | IncomingMessage | Request | undefined
  /** Gets each decision on the request, at once and while it waits; `explainRoute()` puts it in words. */
  readonly onDecision?: OnDecision | undefined
}

/** What a decision can be explained for. */
export type ExplainOptions = Pick<SelectOptions, 'exclude' | 'avoid' | 'retry' | 'request'>
