import type { Backend } from '../backend/backend.ts'
import type { Obstacle } from '../backend/health/health.ts'
import { Unresolved } from '../backend/unresolved.ts'
import { leastBy } from '../balance/ranked-by.ts'
import { defaults } from '../config/defaults.ts'
import type { Patience } from '../config/patience.ts'
import { NoBackendError } from '../errors.ts'
import { isNamed } from './candidates.ts'
import type { CompiledRoute } from './compile-policy.ts'
import type { HoldEvent } from './lease.ts'
import { BADNESS, type Choice, isFull, type Look, narrowed, obstacleOf } from './look.ts'

/*
 * The parts of a decision that change nothing: what selects a backend goes by them, and so does what explains the choice.
 */

/** The candidates that the strategy is asked about, as far as one of them can be used now. */
export function preferred(choice: Choice): readonly Backend[] {
  const { avoid, retry, candidates } = choice
  let backends = candidates.now
  if (avoid.size > 0) backends = narrowed(choice, backends, (backend) => !isNamed(backend, avoid))
  if (retry) backends = narrowed(choice, backends, isProven)
  return backends
}

/** Nothing has failed there for as long as retries are counted. */
export function isProven(backend: Backend): boolean {
  return backend.wellFor(defaults.retryBudgetWindow)
}

/** Whether waiting helps: for candidates at their limit it always does, for the others where requests are held. */
export function waitingHelps(seen: Look, { patience, job }: Choice): boolean {
  if (isFull(seen)) return true
  if (patience.hold === undefined) return false
  // A task that every candidate refuses, and that none has ever served, will not be served by waiting.
  return !seen.every(({ backend }) => backend.refuses(job))
}

/** With all of them unusable, one is tried rather than none. */
export function leastBadOf(seen: Look, choice: Choice): Backend | undefined {
  const obstacles = seen.flatMap(({ backend, obstacle, hasRoom }) =>
    obstacle === undefined || isOut(obstacle) || !hasRoom || isVain(backend, choice)
      ? []
      : [{ backend, obstacle }],
  )
  if (!isNonEmpty(obstacles)) return undefined
  const worst = leastBy(obstacles, ({ obstacle }) => BADNESS.indexOf(obstacle.kind)).obstacle.kind
  const equals = obstacles.filter(({ obstacle }) => obstacle.kind === worst)
  return isNonEmpty(equals) ? leastBy(equals, ({ obstacle }) => obstacle.until).backend : undefined
}

/** Whether another has found out that it cannot be reached. Who has failed elsewhere wants to know for itself. */
function isVain(backend: Backend, { retry, place }: Choice): boolean {
  return !retry && backend.triedInVainSince(place.since)
}

/** Whether nothing can be sent there, however bad the others are. */
function isOut({ kind }: Obstacle): boolean {
  return kind === 'disabled' || kind === 'unresolved'
}

/** Why none can be had, and waiting is no use; `undefined` when that is not so. */
export function allOut(seen: Look, route: CompiledRoute, choice: Choice): NoBackendError | undefined {
  const others = seen.flatMap(({ backend, obstacle }) =>
    obstacle !== undefined && isOut(obstacle) ? [] : [backend],
  )
  if (!others.every((backend) => isVain(backend, choice))) return undefined
  const drained = seen.flatMap(({ backend, obstacle }) => (obstacle?.kind === 'disabled' ? [backend] : []))
  const unresolved = seen.flatMap(({ backend, obstacle }) =>
    obstacle?.kind === 'unresolved' && backend instanceof Unresolved ? [backend.reason] : [],
  )
  const why = [
    ...(others.length > 0 ? [`${list(others)} unreachable`] : []),
    ...(drained.length > 0 ? [`${list(drained)} drained`] : []),
    ...unresolved,
  ]
  return new NoBackendError(route.name, why.join(', '))
}

/** None of its backends may have the request at all. */
export function nobody(route: CompiledRoute, { tasks, exclude }: Pick<Choice, 'tasks' | 'exclude'>) {
  const excluded = route.members.current.filter(
    (backend) => backend.serves(tasks) && isNamed(backend, exclude),
  )
  const why = excluded.length === 0 ? nobodyServes(tasks) : `${list(excluded)} excluded`
  return new NoBackendError(route.name, why)
}

function nobodyServes(tasks: readonly string[]): string {
  return tasks.length === 0
    ? 'none of its backends takes unclassified requests; set unclassified: true on a backend with tasks'
    : `none of its backends serves ${tasks.join(' and ')}`
}

/**
 * What a request waits for. Where it may not be held it is always a slot, if that of a backend which is away: those are tried
 * rather than none, by one request after the other.
 */
export function waitsFor({ hold }: Patience, full: boolean): HoldEvent['reason'] {
  return full || hold === undefined ? 'full' : 'unavailable'
}

/** The longest wait, in milliseconds. */
export function longestWait({ hold, maxWait }: Patience, full: boolean): number {
  if (hold === undefined) return maxWait
  return full ? Math.max(hold, maxWait) : hold
}

/** Such as `gpu is ejected: answered 401 Unauthorized: set backends.gpu.auth`. */
export function unavailable(backend: Backend, choice: Choice): string {
  const kind = obstacleOf(choice, backend)?.kind ?? 'unavailable'
  const { probe, lastError } = backend.health
  const reason = kind === 'down' && probe?.kind === 'down' ? probe.reason : lastError?.reason
  const isFailure = kind === 'down' || kind === 'ejected' || kind === 'unavailable'
  return `${backend.name} is ${WORDS[kind] ?? kind}${isFailure && reason !== undefined ? `: ${reason}` : ''}`
}

const WORDS: Readonly<Record<string, string>> = {
  lacks: 'lacking the task or model',
  disabled: 'drained',
  unresolved: 'without an address',
  resolving: 'without an address',
}

/** Their names, for a sentence. */
export function list(backends: readonly Backend[]): string {
  const names = [...new Set(backends.map(({ name }) => name))]
  return `${names.join(', ')} ${names.length > 1 ? 'are' : 'is'}`
}

export function isNonEmpty<T>(items: readonly T[]): items is readonly [T, ...T[]] {
  return items.length > 0
}
