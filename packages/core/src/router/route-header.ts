import type { BackendInfo } from '../backend/backend-view.ts'
import { describeOutcome } from '../backend/outcome.ts'
import { defaults } from '../config/defaults.ts'
import { RouterError } from '../errors.ts'
import type { CandidateExplanation, RouteExplanation } from '../explain/explanation.ts'
import { durationText } from '../explain/explanation-text.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { HoldEvent } from '../routing/lease.ts'
import { shorten } from '../shorten.ts'

/** What has become of a request up to now. */
export interface Story {
  /** What was decided last; nothing, when code has named the backend. */
  readonly explained: RouteExplanation | undefined
  /** Name of the route. */
  readonly route: string | undefined
  /** Where it is. */
  readonly at: BackendInfo | undefined
  /** Whether that is a further copy, sent since an earlier one was late. */
  readonly hedge: boolean
  readonly waited: Readonly<Record<HoldEvent['reason'], number>>
  readonly attempts: readonly AttemptRecord[]
  /** Why it could not be done. */
  readonly error: unknown
}

/**
 * A story in one line of printable ASCII: the route, how long it waited, the attempts that failed, each candidate with the
 * reason, and the error. Items are separated by `; `. What stands in configurations and requests is percent-encoded where it
 * could be taken for more than it is.
 */
export function routeHeader(story: Story): string {
  const { explained, route, at, hedge, waited, attempts, error } = story
  const items = [encode(route ?? explained?.route ?? 'none')]
  if (waited.full > 0) items.push(`queued ${durationText(waited.full)}`)
  if (waited.unavailable > 0) items.push(`held ${durationText(waited.unavailable)}`)
  items.push(...lastOf(attempts, defaults.routeHeaderSize / 2 - items.join('; ').length))
  if (hedge && at !== undefined) items.push(`${nameOf({ ...at, backend: at.name })} got a further copy`)
  const ending = error instanceof RouterError ? `${error.status} ${error.code}` : ''
  const candidates = (explained?.candidates ?? []).map((candidate) => {
    const isThere = !hedge && candidate.backend === at?.name && candidate.endpoint === at.endpoint
    return isThere ? { ...candidate, verdict: 'chosen' as const } : candidate
  })
  if (explained === undefined && at !== undefined) items.push(`${encode(at.name)} chosen`)
  return fitted(items, chosenFirst(candidates).map(textOf), ending)
}

/** The last attempts, as far as there is room: a request that is held for hours has had many. */
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

/** As much of a pool as there is room for. */
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

/** Names may hold any characters, and reasons what a client or a backend has written. */
function encode(text: string): string {
  return shorten(text).replace(/[^\x20-\x7e]|[%;]/gu, (character) =>
    Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '%$&'),
  )
}
