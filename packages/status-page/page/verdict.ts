import type { Fates, Report } from '../src/wire.ts'
import type { Format } from './format.ts'
import { type Group, groupsOf } from './groups.ts'
import { GETS_NOTHING, STANDINGS, type Tone } from './words.ts'

/** How it all stands, in a sentence that changes only when something does. */
export interface Verdict {
  readonly tone: Tone
  readonly text: string
}

/** @param recent What became of requests in the last minute. */
export function verdictOf(
  {
    state,
    backends,
    figures,
    waiting,
    now,
  }: Pick<Report, 'state' | 'backends' | 'figures' | 'waiting' | 'now'>,
  recent: Fates,
): Verdict {
  if (state !== 'running')
    return { tone: 'off', text: state === 'closing' ? 'The router is closing.' : 'The router is closed.' }
  const groups = groupsOf(backends)
  const trouble = outageOf(groups) ?? worstOf(groups)
  if (trouble !== undefined) return trouble
  if (figures.rate === 0 && groups.every(({ standing }) => standing === 'unknown'))
    return { tone: 'off', text: 'Waiting to hear from the backends.' }
  const well = groups.length === 1 ? `${isAre(groups)} well` : allWell(groups)
  const failing = failingOf(recent)
  if (failing !== undefined) return { tone: 'stop', text: `${well}, but ${failing}.` }
  const [oldest] = waiting.first
  const isBusy = oldest !== undefined && now - oldest.at > LONG_WAIT
  return { tone: 'go', text: isBusy ? `${well}, and busy.` : `${well}.` }
}

/** What there is to say when none of several can be used. */
function outageOf(groups: readonly Group[]): Verdict | undefined {
  const isOut = groups.length > 1 && groups.every(({ standing }) => GETS_NOTHING.has(standing))
  const isMeant = groups.every(({ standing }) => standing === 'asleep' || standing === 'wanted')
  return isOut && !isMeant ? { tone: 'stop', text: 'No backend can be used.' } : undefined
}

/** The backends that do not do well: where some are lost, those that are merely slow are no matter. */
function worstOf(groups: readonly Group[]): Verdict | undefined {
  for (const tones of [['stop'], ['wait', 'off']] as const) {
    const clauses: string[] = []
    let worst: Tone = 'off'
    for (const [standing, { tone, says }] of Object.entries(STANDINGS)) {
      const those = groups.filter((group) => group.standing === standing)
      if (those.length === 0 || says === undefined || !tones.some((each) => each === tone)) continue
      clauses.push(`${isAre(those)} ${says}`)
      if (tone !== 'off') worst = tone
    }
    if (clauses.length > 0) return { tone: worst, text: `${clauses.join(', ')}.` }
  }
  return undefined
}

/** A wait that is more than the moment until a slot is free. */
const LONG_WAIT = 10_000
/** Fewer may be chance. */
const FEW = 3
const MANY = 0.05

function failingOf({ answered, rescued, failed, refused }: Fates): string | undefined {
  const told = answered + rescued + failed + refused
  if (failed >= FEW && failed > MANY * told) return 'requests fail'
  return refused >= FEW && refused > MANY * told ? 'requests are refused' : undefined
}

/** What else there is to say, with numbers that change all the time. */
export function remarkOf({ backends, figures, waiting, since }: Report, now: number, format: Format): string {
  const { answered, rescued, failed, refused, left } = figures.fates
  const total = answered + rescued + failed + refused + left
  const minutes = Math.floor((now - since) / 60_000)
  const time =
    minutes >= 15 ? 'in the last 15 minutes' : `in the ${format.duration(now - since)} since the router began`
  const groups = groupsOf(backends)
  const isLost = groups.some(({ standing }) => STANDINGS[standing].tone === 'stop')
  const partly = groups.filter(({ standing }) => standing === 'partly')
  return [
    ...(isLost && partly.length > 0 ? [`${isAre(partly)} partly well`] : []),
    ...(waiting.count > 0
      ? [`${requests(waiting.count, format)} ${waiting.count === 1 ? 'waits' : 'wait'}`]
      : []),
    total === 0 ? `No request ${time}` : `${requests(total, format)} ${time}`,
    ...(rescued > 0 ? [`${format.count(rescued)} of them needed another backend`] : []),
  ]
    .map((part) => `${part}.`)
    .join(' ')
}

function requests(count: number, format: Format): string {
  return count === 1 ? 'One request' : `${format.count(count)} requests`
}

function allWell(groups: readonly Group[]): string {
  return groups.length === 2 ? 'Both backends are well' : `All ${groups.length} backends are well`
}

function isAre(groups: readonly Group[]): string {
  const names = groups.map(({ name }) => name)
  const [last = ''] = names.slice(-1)
  if (names.length === 1) return `${last} is`
  const most = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names
  return `${most.slice(0, -1).join(', ')} and ${most.at(-1)} are`
}
