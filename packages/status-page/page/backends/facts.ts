import type { BackendView, BackendWindow, SpanBackend } from '../../src/wire.ts'
import type { Group } from '../groups.ts'
import type { Model } from '../model.ts'
import { reasonInWords, tasksInWords, typesInWords, UNAVAILABLE, verdictInWords } from '../words.ts'

/** A fact of a backend, with its name. */
export type Fact = readonly [name: string, value: string]

/** Everything about a backend that has no drawing of its own. Facts that do not apply are left out. */
export function factsOf({ members, state }: Group, model: Model): Fact[] {
  const [first] = members
  const { url, tier, weight, serves, models } = first
  const facts: readonly Fact[] = [
    ['Busy', UNAVAILABLE.has(state) ? '' : busyInWords(first, model)],
    ['Errors', errorsInWords(first, model)],
    ['Waiting', waitingInWords(members, model)],
    ['Serves', serves.length === 0 ? '' : tasksInWords(serves)],
    ['Models', models.join(', ')],
    ['Loading', loadingInWords(members)],
    ['Woken', wokenInWords(members, model)],
    ['Last failure', lastFailureInWords(members, model)],
    ['Canaries', canariesInWords(members, model)],
    [
      'Address',
      [url, ...(tier === 1 ? [] : [`tier ${tier}`]), ...(weight === 1 ? [] : [`weight ${weight}`])].join(
        ', ',
      ),
    ],
  ]
  return facts.filter(([, value]) => value !== '')
}

function busyInWords({ minute, quarter }: BackendView, { format }: Model): string {
  const load = (window: BackendWindow) =>
    window.load === undefined ? '' : ` (${format.share(window.load)} of its limit used)`
  return `${format.share(minute.busy)}${load(minute)} in the last minute, ${format.share(quarter.busy)} in 15 min`
}

/** Requests that were not answered well, by verdict, the most frequent first. */
function errorsInWords({ minute, quarter }: BackendView, { format }: Model): string {
  const listed = (verdicts: BackendWindow['verdicts']) =>
    Object.entries(verdicts)
      .sort(([, a], [, b]) => b - a)
      .map(([verdict, count]) => `${format.count(count)} × ${verdictInWords(verdict)}`)
      .join(', ')
  const [last, all] = [listed(minute.verdicts), listed(quarter.verdicts)]
  if (last === all) return last === '' ? '' : `${last} in the last minute`
  return last === '' ? `${all} in 15 min` : `${last} in the last minute; ${all} in 15 min`
}

function waitingInWords(members: Group['members'], { format }: Model): string {
  const most = (key: 'queued' | 'held') => Math.max(...members.map((member) => member[key]))
  const [queued, held] = [most('queued'), most('held')]
  return [
    ...(queued === 0 ? [] : [`${format.count(queued)} queued`]),
    ...(held === 0 ? [] : [`${format.count(held)} held`]),
  ].join(', ')
}

function loadingInWords(members: Group['members']): string {
  const jobs = new Set(members.flatMap(({ loading = [] }) => loading))
  return [...jobs].map(typesInWords).join(', ')
}

function wokenInWords(members: Group['members'], { now, format, wallOf, report }: Model): string {
  const times = members.flatMap(({ wokeAt }) => (wokeAt === undefined ? [] : [wokeAt]))
  const last = Math.max(...times)
  return times.length === 0
    ? ''
    : `${format.duration(now - last)} ago, at ${format.moment(wallOf(last), report.wall)}`
}

function lastFailureInWords(members: Group['members'], { now, format }: Model): string {
  const [last] = members.flatMap(({ health }) => health.lastError ?? []).sort((a, b) => b.at - a.at)
  const failures = members.reduce((sum, { health }) => sum + health.failures, 0)
  if (last === undefined) return ''
  const total = failures === 1 ? '' : `; ${format.count(failures)} since the start`
  return `${reasonInWords(last.reason)}, ${format.duration(now - last.at)} ago${total}`
}

function canariesInWords(members: Group['members'], { format }: Model): string {
  const sum = (key: 'passed' | 'failed') =>
    members.reduce((total, { canaries }) => total + (canaries?.[key] ?? 0), 0)
  const [passed, failed] = [sum('passed'), sum('failed')]
  return passed + failed === 0 ? '' : `${format.count(passed)} passed, ${format.count(failed)} failed`
}

/** The former limit, and when it ended; empty while the limit is the same as at the start of the plots. */
export function limitHistory(name: string, { store, now, wallOf, format }: Model): string {
  const spans = store.spansUntil(now)
  const limits = spans.map((span): SpanBackend | undefined => span?.backends[name])
  let current: number | undefined
  for (let i = limits.length - 1; i >= 0; i--) {
    const limit = limits[i]?.limit
    if (limit === undefined) continue
    current ??= limit
    if (limit === current) continue
    const end = (store.lastSpan(now) - (limits.length - 1 - i) + 1) * store.limits.span
    return `the limit was ${format.count(limit)} until ${format.clock(wallOf(end))}`
  }
  return ''
}
