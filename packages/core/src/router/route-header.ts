import type { ServerResponse } from 'node:http'
import type { BackendInfo } from '../backend/backend-view.ts'
import { describeOutcome } from '../backend/outcome.ts'
import { defaults } from '../config/defaults.ts'
import { RouterError } from '../errors.ts'
import type { CandidateExplanation, RouteExplanation } from '../explain/explanation.ts'
import { durationText } from '../explain/explanation-text.ts'
import { ROUTE_HEADER } from '../forward/headers.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { HedgedAttempt } from '../retry/hedge.ts'
import type { HoldEvent, Lease } from '../routing/lease.ts'
import { shorten } from '../shorten.ts'

/** The state of a request. */
export interface RequestSummary {
  /** The last decision; `undefined` when code named the backend. */
  readonly explained: RouteExplanation | undefined
  /** Name of the route. */
  readonly route: string | undefined
  /** The backend that has it. */
  readonly at: BackendInfo | undefined
  /** Whether it has it as a hedge. */
  readonly hedge: boolean
  readonly waited: Readonly<Record<HoldEvent['reason'], number>>
  readonly attempts: readonly AttemptRecord[]
  /** Why it failed. */
  readonly error: unknown
}

/**
 * Describes a request in one line of printable ASCII: the route, how long it waited, the attempts that failed, each candidate
 * with the reason, and the error, separated by `; `. Text from configurations and requests is percent-encoded where it could be
 * mistaken for a separator.
 */
export function routeHeader(request: RequestSummary): string {
  const { explained, route, at, hedge, waited, attempts, error } = request
  const items = [encode(route ?? explained?.route ?? 'none')]
  if (waited.full > 0) items.push(`queued ${durationText(waited.full)}`)
  if (waited.unavailable > 0) items.push(`held ${durationText(waited.unavailable)}`)
  items.push(...lastOf(attempts, defaults.routeHeaderSize / 2 - items.join('; ').length))
  if (hedge && at !== undefined) items.push(`${nameOf({ ...at, backend: at.name })} got a hedge`)
  const ending = error instanceof RouterError ? `${error.status} ${error.code}` : ''
  const candidates = (explained?.candidates ?? []).map((candidate) => {
    const isThere = !hedge && candidate.backend === at?.name && candidate.endpoint === at.endpoint
    return isThere ? { ...candidate, verdict: 'chosen' as const } : candidate
  })
  if (explained === undefined && at !== undefined) items.push(`${encode(at.name)} chosen`)
  return fitted(items, chosenFirst(candidates).map(textOf), ending)
}

/** The last attempts, as far as there is room. */
function lastOf(attempts: readonly AttemptRecord[], room: number): string[] {
  const texts: string[] = []
  let left = room
  for (const { outcome, ...attempt } of attempts.toReversed()) {
    const text = `${nameOf(attempt)} ${encode(describeOutcome(outcome))} in ${durationText(attempt.time)}`
    left -= text.length + 2
    if (left < 0) break
    texts.unshift(text)
  }
  const earlier = attempts.length - texts.length
  return earlier === 0 ? texts : [`${earlier} earlier attempts`, ...texts]
}

function chosenFirst(candidates: readonly CandidateExplanation[]): readonly CandidateExplanation[] {
  return candidates.toSorted((a, b) => Number(b.verdict === 'chosen') - Number(a.verdict === 'chosen'))
}

function textOf(candidate: CandidateExplanation): string {
  return `${nameOf(candidate)} ${candidate.verdict}: ${encode(candidate.words)}`
}

/** Adds as many candidates as there is room for. */
function fitted(items: readonly string[], candidates: readonly string[], ending: string): string {
  const last = ending === '' ? [] : [ending]
  let size = [...items, ...last].join('; ').length + MOST_OF_MORE
  let shown = 0
  for (const candidate of candidates) {
    size += candidate.length + 2
    if (size > defaults.routeHeaderSize) break
    shown++
  }
  const left = candidates.length - shown
  const more = left === 0 ? [] : [`${left} more`]
  return [...items, ...candidates.slice(0, shown), ...more, ...last].join('; ')
}

const MOST_OF_MORE = '; 1000000 more'.length

function nameOf({ backend, endpoint }: Pick<CandidateExplanation, 'backend' | 'endpoint'>): string {
  return encode(endpoint === undefined ? backend : `${backend}@${endpoint}`)
}

/** Names may contain any character, and reasons come from clients and backends. */
function encode(text: string): string {
  return shorten(text).replace(/[^\x20-\x7e]|[%;]/gu, (character) =>
    Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '%$&'),
  )
}

/** A request that can be described. */
interface Described extends Pick<RequestSummary, 'waited' | 'attempts'> {
  readonly res: ServerResponse
  readonly lease: Lease | undefined
}

/** The `x-immich-ml-route` header of one response, where it was asked for. */
export class RouteHeader {
  readonly #request: Described
  /** The last decision. */
  #explained: RouteExplanation | undefined

  constructor(request: Described) {
    this.#request = request
  }

  /** Sets the header after a decision: the first heartbeat of a request that waits sends the head of the response. */
  decided(explained: RouteExplanation): void {
    this.#explained = explained
    this.set(undefined)
  }

  /** Sets the header of a response that the router gives itself. */
  set(error: unknown): void {
    const { res } = this.#request
    if (!res.headersSent) res.setHeader(ROUTE_HEADER, this.value(error))
  }

  /** @param attempt The one whose answer is about to be given to the client. */
  value(error: unknown, attempt?: HedgedAttempt): string {
    const { lease, waited, attempts } = this.#request
    return routeHeader({
      explained: this.#explained,
      route: lease?.route,
      at: attempt?.lease.backend,
      hedge: attempt?.hedge ?? false,
      waited,
      attempts,
      error,
    })
  }
}
