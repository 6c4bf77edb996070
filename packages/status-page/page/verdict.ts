import type { Fates, Report } from '../src/wire.ts'
import type { Format } from './format.ts'
import { type Group, groupsOf } from './groups.ts'
import { STATES, type Tone, UNAVAILABLE } from './words.ts'

/** The state of the router in one sentence, which changes only with the state. */
export interface Verdict {
  readonly tone: Tone
  readonly text: string
}

/** How urgent a tone is. */
const URGENCY: Readonly<Record<Tone, number>> = { stop: 3, wait: 2, off: 1, go: 0 }

/**
 * The worst of the router's own problems and of its backends' state. Of two that are equally bad, the router's own.
 *
 * @param recent Completed requests of the last minute, by fate.
 */
export function verdictOf(report: Judged, recent: Fates): Verdict {
  const { state, notices } = report
  if (state !== 'running')
    return { tone: 'off', text: state === 'closing' ? 'The router is closing.' : 'The router is closed.' }
  const ofBackends = backendsVerdict(report, recent)
  const [worst] = notices
  if (worst === undefined) return ofBackends
  const tone = NOTICE_TONES[worst.level]
  return URGENCY[tone] >= URGENCY[ofBackends.tone] ? { tone, text: worst.message } : ofBackends
}

type Judged = Pick<Report, 'state' | 'notices' | 'backends' | 'windows' | 'waiting' | 'now'>

const NOTICE_TONES = { error: 'stop', warning: 'wait', info: 'off' } as const

function backendsVerdict({ backends, windows, waiting, now }: Judged, recent: Fates): Verdict {
  const groups = groupsOf(backends)
  const trouble = outageOf(groups) ?? worstOf(groups)
  if (trouble !== undefined) return trouble
  if (windows.minute.rate === 0 && groups.every(({ state }) => state === 'unknown'))
    return { tone: 'off', text: 'No backend has answered yet.' }
  const healthy = groups.length === 1 ? `${isAre(groups)} healthy` : allHealthy(groups)
  const failing = failingOf(recent)
  if (failing !== undefined) return { tone: 'stop', text: `${healthy}, but ${failing}.` }
  const [oldest] = waiting.first
  const isBusy = oldest !== undefined && now - oldest.at > LONG_WAIT
  return { tone: 'go', text: isBusy ? `${healthy}, with requests waiting.` : `${healthy}.` }
}

/** The verdict when none of several backends is available. */
function outageOf(groups: readonly Group[]): Verdict | undefined {
  const isOut = groups.length > 1 && groups.every(({ state }) => UNAVAILABLE.has(state))
  const isMeant = groups.every(({ state }) => state === 'asleep' || state === 'waking')
  return isOut && !isMeant ? { tone: 'stop', text: 'No backend is available.' } : undefined
}

/** The backends with problems. When some are unavailable, affected with smaller problems are left out. */
function worstOf(groups: readonly Group[]): Verdict | undefined {
  for (const tones of [['stop'], ['wait', 'off']] as const) {
    const clauses: string[] = []
    let worst: Tone = 'off'
    for (const [state, { tone, says }] of Object.entries(STATES)) {
      const affected = groups.filter((group) => group.state === state)
      if (affected.length === 0 || says === undefined || !tones.some((each) => each === tone)) continue
      clauses.push(`${isAre(affected)} ${says}`)
      if (tone !== 'off') worst = tone
    }
    if (clauses.length > 0) return { tone: worst, text: `${clauses.join(', ')}.` }
  }
  return undefined
}

/** A wait in milliseconds that is worth mentioning. */
const LONG_WAIT = 10_000
/** Failures of the last minute that count as a problem: at least so many, and at least this share. */
const FEW = 3
const MANY = 0.05

function failingOf({ answered, rescued, failed, refused }: Fates): string | undefined {
  const counted = answered + rescued + failed + refused
  if (failed >= FEW && failed > MANY * counted) return 'requests fail'
  return refused >= FEW && refused > MANY * counted ? 'requests are refused' : undefined
}

/** Further facts, with numbers that change all the time. */
export function remarkOf({ backends, windows, waiting, since }: Report, now: number, format: Format): string {
  const { answered, rescued, failed, refused, left } = windows.quarter.fates
  const total = answered + rescued + failed + refused + left
  const minutes = Math.floor((now - since) / 60_000)
  const time =
    minutes >= 15 ? 'in the last 15 minutes' : `in the ${format.duration(now - since)} since the start`
  const groups = groupsOf(backends)
  const isLost = groups.some(({ state }) => STATES[state].tone === 'stop')
  const degraded = groups.filter(({ state }) => state === 'degraded')
  return [
    ...(isLost && degraded.length > 0 ? [`${isAre(degraded)} degraded`] : []),
    ...(waiting.count > 0
      ? [`${requests(waiting.count, format)} ${waiting.count === 1 ? 'is' : 'are'} waiting`]
      : []),
    total === 0 ? `No request ${time}` : `${requests(total, format)} ${time}`,
    ...(rescued > 0 ? [`${format.count(rescued)} of them needed a retry`] : []),
  ]
    .map((part) => `${part}.`)
    .join(' ')
}

function requests(count: number, format: Format): string {
  return count === 1 ? 'One request' : `${format.count(count)} requests`
}

function allHealthy(groups: readonly Group[]): string {
  return groups.length === 2 ? 'Both backends are healthy' : `All ${groups.length} backends are healthy`
}

function isAre(groups: readonly Group[]): string {
  const names = groups.map(({ name }) => name)
  const [last = ''] = names.slice(-1)
  if (names.length === 1) return `${last} is`
  const most = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names
  return `${most.slice(0, -1).join(', ')} and ${most.at(-1)} are`
}
