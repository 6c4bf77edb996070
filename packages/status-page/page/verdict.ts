import type { Fates, NoticeView, Report } from '../src/wire.ts'
import { type Group, groupsOf } from './groups.ts'
import { cureOf, problemOf } from './problems.ts'
import { STATES, type Tone, UNAVAILABLE } from './words.ts'

/** A problem and its cure, or that there is none, in one sentence. It changes only with the state. */
export interface Verdict {
  readonly tone: Tone
  readonly text: string
}

/** The parts of a report that the verdict reads. */
export type Judged = Pick<Report, 'state' | 'notices' | 'backends' | 'windows' | 'waiting' | 'now'>

/** All problems, the worst first; without any, one sentence that says so. */
export function verdictsOf(report: Judged): readonly [Verdict, ...Verdict[]] {
  const { state, notices, backends } = report
  if (state !== 'running') return [{ tone: 'off', text: `The router is ${state}.` }]
  const groups = groupsOf(backends)
  const noticed = (level: NoticeView['level']) =>
    notices.filter((notice) => notice.level === level).map(({ message }) => said(message, level))
  const outage = outageOf(groups)
  const [first, ...others] = [
    ...outage,
    ...noticed('error'),
    ...(outage.length > 0 ? [] : problemsOf(groups, 'stop')),
    ...failuresOf(report.windows.minute.fates),
    ...noticed('warning'),
    ...problemsOf(groups, 'wait'),
    ...noticed('info'),
    ...problemsOf(groups, 'off'),
  ]
  return first === undefined ? [wellOf(report, groups)] : [first, ...others]
}

const TONES: Readonly<Record<NoticeView['level'], Tone>> = { error: 'stop', warning: 'wait', info: 'off' }

function said(message: string, level: NoticeView['level']): Verdict {
  return { tone: TONES[level], text: /[.!?]$/.test(message) ? message : `${message}.` }
}

/** The verdict when none of several backends is available, unless all are asleep. */
function outageOf(groups: readonly Group[]): Verdict[] {
  const isOut = groups.length > 1 && groups.every(({ state }) => UNAVAILABLE.has(state))
  const [worst] = groups.filter(({ state }) => STATES[state].tone === 'stop')
  if (!isOut || worst === undefined) return []
  const problems = groups.map((group) => `${group.name} ${problemOf(group)}`)
  const listed = problems.length > 3 ? [...problems.slice(0, 2), `${problems.length - 2} more`] : problems
  return [{ tone: 'stop', text: `No backend is available: ${listed.join(', ')}; ${cureOf(worst)}.` }]
}

/** One sentence for all backends with the same problem. */
function problemsOf(groups: readonly Group[], tone: Tone): Verdict[] {
  const byProblem = new Map<string, [Group, ...Group[]]>()
  for (const group of groups) {
    if (STATES[group.state].tone !== tone || STATES[group.state].says === undefined) continue
    const problem = `${group.state} ${problemOf(group)}`
    const same = byProblem.get(problem)
    if (same === undefined) byProblem.set(problem, [group])
    else same.push(group)
  }
  return [...byProblem.values()].map((same) => {
    const names = namesOf(same)
    const problem =
      same.length === 1
        ? problemOf(same[0])
        : problemOf(same[0])
            .replace(/^is /, 'are ')
            .replace(/^fails /, 'fail ')
    const cure = cureOf(same[0])
    return { tone, text: `${names} ${problem}${cure === undefined ? '' : `; ${cure}`}.` }
  })
}

/** Failures of the last minute that count as a problem: at least so many, and at least this share. */
const FEW = 3
const MANY = 0.05

function failuresOf({ answered, rescued, failed, refused }: Fates): Verdict[] {
  const counted = answered + rescued + failed + refused
  const isMuch = (count: number) => count >= FEW && count > MANY * counted
  if (isMuch(failed))
    return [{ tone: 'stop', text: 'Jobs fail; open a failed request below for the reason.' }]
  if (!isMuch(refused)) return []
  return [{ tone: 'stop', text: 'The router refuses jobs; open a refused request below for the reason.' }]
}

/** Waits in milliseconds: normal during an import, and long. */
const MENTIONED_WAIT = 4_000
const LONG_WAIT = 10_000

function wellOf({ windows, waiting, now }: Judged, groups: readonly Group[]): Verdict {
  if (windows.minute.rate === 0 && groups.every(({ state }) => state === 'unknown'))
    return { tone: 'off', text: 'No backend has answered yet.' }
  const healthy =
    groups.length === 1
      ? `${namesOf(groups)} is healthy`
      : groups.length === 2
        ? 'Both backends are healthy'
        : `All ${groups.length} backends are healthy`
  const [oldest] = waiting.first
  const wait = oldest === undefined ? 0 : now - oldest.at
  if (wait <= MENTIONED_WAIT) return { tone: 'go', text: `${healthy}.` }
  const limit = groups.length === 1 ? 'its limit' : 'the limit'
  return {
    tone: wait > LONG_WAIT ? 'wait' : 'go',
    text: `${healthy}, and at ${limit}: jobs wait for their turn.`,
  }
}

function namesOf(groups: readonly Group[]): string {
  const names = groups.map(({ name }) => name)
  const most = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names
  return most.length === 1 ? (most[0] ?? '') : `${most.slice(0, -1).join(', ')} and ${most.at(-1)}`
}
