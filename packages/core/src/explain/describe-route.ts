import type { Route } from '../config/policy.ts'
import type { Hold, ResolvedPolicy, ResolvedRoute } from '../config/resolve.ts'
import { BULK, INTERACTIVE } from '../config/route-schema.ts'
import { type JobsInWords, jobsOf } from './job-words.ts'
import {
  counted,
  duration,
  heartbeatWords,
  listed,
  type Paragraph,
  said,
  timeoutsLine,
  upTo,
  warmWords,
} from './words.ts'

/** A route in words: what it takes and where that goes, and behind it what there is to say of it. */
export function describeRoute(
  route: ResolvedRoute,
  policy: ResolvedPolicy,
  earlier: readonly Route[],
): Paragraph {
  const jobs = jobsTaken(route, earlier)
  const name = route.name === undefined ? '' : ` (${route.name})`
  return [
    `${jobs.words}${name}: ${order(route, policy)}`,
    ...said(
      urgency(route, jobs),
      whenFull(route, policy, jobs),
      `when unavailable: ${whenUnavailable(route, jobs)}`,
      whenFailing(route, policy),
      hedging(route),
      savedAnswers(route),
      warmModels(route, policy),
      timeoutsLine(route.written.timeouts, policy.written.timeouts),
      heartbeats(route, policy),
    ),
  ]
}

function jobsTaken({ match }: ResolvedRoute, earlier: readonly Route[]): JobsInWords {
  if (match !== undefined) return jobsOf(match)
  const taken = earlier.some((route) => {
    const { match: other } = route
    if (typeof other !== 'object') return false
    const { model, header, path } = other
    const takesAll = model === undefined && header === undefined && path === undefined
    return takesAll && jobsOf(other).search !== 'no'
  })
  const words = earlier.length === 0 ? 'everything' : 'everything else'
  return { words, search: taken ? 'no' : 'among others' }
}

/** Its backends in the words of its strategy, tier by tier. */
function order({ backends, strategy }: ResolvedRoute, policy: ResolvedPolicy): string {
  const tiers = new Map<number, string[]>()
  for (const name of backends) {
    const tier = policy.backends.get(name)?.tier ?? 1
    tiers.set(tier, [...(tiers.get(tier) ?? []), name])
  }
  const words = [...tiers]
    .sort(([a], [b]) => a - b)
    .map(([, names]) => (names.length === 1 ? (names[0] ?? '') : chosen(names, strategy, policy)))
  if (strategy === 'first') return words.join(', then ')
  const [best = '', ...others] = words
  return [best, ...others.map((other) => `when none of these is available, ${other}`)].join('; ')
}

function chosen(
  names: readonly string[],
  strategy: NonNullable<Route['strategy']>,
  { backends }: ResolvedPolicy,
): string {
  const all = listed(names)
  switch (strategy) {
    case 'first':
      return names.join(', then ')
    case 'round-robin':
      return `${all} in turn`
    case 'weighted-round-robin':
      return `${all} in turn, ${names.map((name) => backends.get(name)?.weight).join(' : ')}`
    case 'least-conn':
      return `the one with the fewest requests of ${all}`
    case 'peak-ewma':
      return `the one expected to finish first of ${all}`
    case 'model-affinity':
      return `the same of ${all} for the same model`
    default:
      return `one of ${all}, by your own strategy`
  }
}

function urgency({ priority }: ResolvedRoute, { search }: JobsInWords): string | undefined {
  if (priority === undefined) {
    if (search === 'alone') return 'urgent'
    return search === 'no' ? undefined : 'text search is urgent, the rest is bulk'
  }
  if (priority === BULK) return 'not urgent'
  return priority === INTERACTIVE ? 'urgent' : `urgent, with priority ${priority}`
}

function whenFull(route: ResolvedRoute, policy: ResolvedPolicy, jobs: JobsInWords): string | undefined {
  const settings = route.backends.flatMap((name) => policy.backends.get(name) ?? [])
  if (settings.every((backend) => backend.maxConcurrent === Number.POSITIVE_INFINITY)) return undefined
  const { maxWait } = policy.queue
  const { bulk, interactive } = route.hold ?? { bulk: 0, interactive: 0 }
  const longest = { bulk: Math.max(maxWait, bulk), interactive: Math.max(maxWait, interactive) }
  const wait = `queued ${byClass(longest, route, jobs)}`
  const tiers = new Set(settings.map(({ tier }) => tier))
  const isOrdered = settings.length > 1 && (route.strategy === 'first' || tiers.size > 1)
  if (!isOrdered) return `when full: ${wait}`
  return route.spill
    ? `when full: the next available backend; when all are full, ${wait}`
    : `when full: ${wait}, even while a later backend is free`
}

function whenUnavailable(route: ResolvedRoute, jobs: JobsInWords): string {
  const { hold } = route
  if (hold !== undefined)
    return `held ${byClass(hold, route, jobs)}, ${counted(hold.maxHeld, 'request')} at most`
  return route.backends.length === 1
    ? 'not held; tried on the backend anyway'
    : 'not held; tried on the least bad backend anyway'
}

/** The longest wait of the classes that the route takes. */
function byClass(
  { bulk, interactive }: Pick<Hold, 'bulk' | 'interactive'>,
  { priority }: ResolvedRoute,
  { search }: JobsInWords,
): string {
  const isUrgent = priority === undefined ? search === 'alone' : priority > BULK
  if (isUrgent) return upTo(interactive)
  if (priority !== undefined || search === 'no' || bulk === interactive) return upTo(bulk)
  return `${upTo(bulk)} (text search: ${upTo(interactive)})`
}

function whenFailing({ backends, retries: most }: ResolvedRoute, policy: ResolvedPolicy): string | undefined {
  const discovers = backends.some((name) => policy.backends.get(name)?.discover !== undefined)
  const others = discovers ? most : Math.min(most, backends.length - 1)
  if (others > 0) return `when one fails: ${others === 1 ? 'another is' : `up to ${others} others are`} tried`
  return most === 0 ? 'when one fails: no other is tried' : undefined
}

function hedging({ hedge }: ResolvedRoute): string | undefined {
  if (hedge === undefined) return undefined
  const { after, max } = hedge
  const late =
    'time' in after
      ? `after ${duration(after.time)}`
      : `when it takes longer than ${after.percentile} % of similar requests`
  return `when late: ${max === 1 ? 'another gets it' : `up to ${max} others get it`} as well, ${late}`
}

function savedAnswers({ searchCache }: ResolvedRoute): string | undefined {
  if (searchCache === undefined) return undefined
  const { path, maxEntries, maxAge } = searchCache
  return `searches: answered from ${path} ${upTo(maxAge)}, and when unavailable at any age; ${maxEntries} answers at most`
}

/** The `keepWarm` of a backend comes first, and a backend that may sleep gets no canary. */
function warmModels({ keepWarm, backends }: ResolvedRoute, policy: ResolvedPolicy): string | undefined {
  if (keepWarm === undefined || !policy.canary) return undefined
  const warm = backends.filter((name) => {
    const { keepWarm: own, wake, suspend, check } = policy.backends.get(name) ?? {}
    return (own ?? wake ?? suspend) === undefined && check?.mode !== 'lazy'
  })
  if (warm.length === 0) return 'keepWarm: no effect; each backend may sleep, or has a keepWarm of its own'
  return `keepWarm: ${warmWords(keepWarm, ` on ${listed(warm)}`)}`
}

function heartbeats(route: ResolvedRoute, policy: ResolvedPolicy): string | undefined {
  const own = heartbeatWords(route.heartbeats)
  return own === heartbeatWords(policy.heartbeats) ? undefined : `heartbeats: ${own}`
}
