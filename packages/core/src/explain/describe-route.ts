import { defaults } from '../config/defaults.ts'
import { resolveHedge } from '../config/hedge-options.ts'
import type { RouterConfig } from '../config/parse-policy.ts'
import { type Hold, resolveHeartbeats, resolveHold, resolveQueue } from '../config/patience.ts'
import type { Route } from '../config/policy.ts'
import { BULK, INTERACTIVE, numberOf } from '../routing/compile-policy.ts'
import { type JobsInWords, jobsOf } from './job-words.ts'
import { heartbeatWords, timeoutsLine } from './times.ts'
import { counted, duration, listed, upTo } from './words.ts'

/** A route in words: what it takes and where that goes, and behind it what there is to say of it. */
export function describeRoute(
  route: Route,
  config: RouterConfig,
  earlier: readonly Route[],
): readonly [head: string, ...lines: string[]] {
  const jobs = jobsTaken(route, earlier)
  const name = route.name === undefined ? '' : ` (${route.name})`
  return [
    `${jobs.words}${name}: ${order(route, config)}`,
    ...urgency(route, jobs),
    ...whenFull(route, config, jobs),
    `when unavailable: ${whenUnavailable(route, config, jobs)}`,
    ...whenFailing(route, config),
    ...hedging(route),
    ...timeoutsLine(route.timeouts, config.timeouts),
    ...heartbeats(route, config),
  ]
}

function jobsTaken({ match }: Route, earlier: readonly Route[]): JobsInWords {
  if (match !== undefined) return jobsOf(match)
  const taken = earlier.some((route) => {
    const { match: other } = route
    return typeof other === 'object' && other.model === undefined && jobsOf(other).search !== 'no'
  })
  const words = earlier.length === 0 ? 'everything' : 'everything else'
  return { words, search: taken ? 'no' : 'among others' }
}

/** Its backends in the words of its strategy, tier by tier. */
function order({ backends, strategy = defaults.strategy }: Route, config: RouterConfig): string {
  const tiers = new Map<number, string[]>()
  for (const name of backends) {
    const tier = config.backends[name]?.tier ?? defaults.tier
    tiers.set(tier, [...(tiers.get(tier) ?? []), name])
  }
  const words = [...tiers]
    .sort(([a], [b]) => a - b)
    .map(([, names]) => (names.length === 1 ? (names[0] ?? '') : chosen(names, strategy, config)))
  if (strategy === 'first') return words.join(', then ')
  const [best = '', ...others] = words
  return [best, ...others.map((other) => `when none of these is there, ${other}`)].join('; ')
}

function chosen(
  names: readonly string[],
  strategy: NonNullable<Route['strategy']>,
  { backends }: RouterConfig,
): string {
  const all = listed(names)
  switch (strategy) {
    case 'first':
      return names.join(', then ')
    case 'round-robin':
      return `${all} in turn`
    case 'weighted-round-robin':
      return `${all} in turn, ${names.map((name) => backends[name]?.weight ?? defaults.weight).join(' : ')}`
    case 'least-conn':
      return `whichever has the fewest requests of ${all}`
    case 'peak-ewma':
      return `whichever is done first of ${all}`
    case 'model-affinity':
      return `the same of ${all} for the same model`
    default:
      return `one of ${all}, by a strategy of its own`
  }
}

function urgency({ priority }: Route, { search }: JobsInWords): string[] {
  if (priority === undefined) {
    if (search === 'alone') return ['urgent']
    return search === 'no' ? [] : ['text search is urgent, the rest is not']
  }
  const number = numberOf(priority)
  if (number === BULK) return ['not urgent']
  return [number === INTERACTIVE ? 'urgent' : `urgent, with priority ${number}`]
}

function whenFull(route: Route, config: RouterConfig, jobs: JobsInWords): string[] {
  const settings = route.backends.map((name) => config.backends[name])
  if (settings.every((backend) => backend?.maxConcurrent === 'unlimited')) return []
  const { maxWait } = resolveQueue(config.queue)
  const { bulk, interactive } = resolveHold(route.hold, config.hold) ?? { bulk: 0, interactive: 0 }
  const longest = { bulk: Math.max(maxWait, bulk), interactive: Math.max(maxWait, interactive) }
  const wait = `queued ${byClass(longest, route, jobs)}`
  if (settings.length === 1) return [`when full: ${wait}`]
  const tiers = new Set(settings.map((backend) => backend?.tier ?? defaults.tier))
  const isOrdered = route.strategy === 'first' || tiers.size > 1
  if (!isOrdered) return [`when full: ${wait}`]
  return [
    (route.spill ?? defaults.spill)
      ? `when full: the next available backend; when all are full, ${wait}`
      : `when full: ${wait}, even while a later backend is free`,
  ]
}

function whenUnavailable(route: Route, config: RouterConfig, jobs: JobsInWords): string {
  const hold = resolveHold(route.hold, config.hold)
  if (hold !== undefined)
    return `held ${byClass(hold, route, jobs)}, ${counted(hold.maxHeld, 'request')} at most`
  return route.backends.length === 1
    ? 'not held; tried on the backend anyway'
    : 'not held; tried on the least bad backend anyway'
}

/** The longest wait of the classes that the route takes. */
function byClass(
  { bulk, interactive }: Pick<Hold, 'bulk' | 'interactive'>,
  { priority }: Route,
  { search }: JobsInWords,
): string {
  const isUrgent = priority === undefined ? search === 'alone' : numberOf(priority) > BULK
  if (isUrgent) return upTo(interactive)
  if (priority !== undefined || search === 'no' || bulk === interactive) return upTo(bulk)
  return `${upTo(bulk)} (text search: ${upTo(interactive)})`
}

function whenFailing({ backends, retries }: Route, config: RouterConfig): string[] {
  const most = retries ?? config.retries ?? defaults.retries
  const discovers = backends.some((name) => config.backends[name]?.discover !== undefined)
  const others = discovers ? most : Math.min(most, backends.length - 1)
  if (others > 0)
    return [`when one fails: ${others === 1 ? 'another is' : `up to ${others} others are`} tried`]
  return most === 0 ? ['when one fails: no other is tried'] : []
}

function hedging(route: Route): string[] {
  const hedge = resolveHedge(route.hedge)
  if (hedge === undefined) return []
  const { after, max } = hedge
  const late =
    'time' in after
      ? `after ${duration(after.time)}`
      : `when it takes longer than ${after.percentile} % of its kind do`
  return [`when late: ${max === 1 ? 'another gets it' : `up to ${max} others get it`} as well, ${late}`]
}

function heartbeats(route: Route, config: RouterConfig): string[] {
  const own = heartbeatWords(resolveHeartbeats(route.heartbeat, config.heartbeat))
  const general = heartbeatWords(resolveHeartbeats(undefined, config.heartbeat))
  return own === general ? [] : [`a client that waits gets ${own}`]
}
