import type { HealthView } from '../src/wire.ts'
import type { Group } from './groups.ts'
import { jobsInWords, reasonInWords, STATES } from './words.ts'

/** What is wrong with a backend; follows its name. It has no times, so that it changes only with the state. */
export function problemOf(group: Group): string {
  const { state } = group
  const { reason, tasks } = healthOf(group)
  const why = reason === undefined || state === 'unresolved' ? '' : `: ${reasonInWords(reason)}`
  if (state === 'degraded') {
    const failing = tasks.filter(({ state: is }) => is !== 'lacking')
    if (failing.length > 0) return `fails at ${jobsInWords(failing)}`
    return tasks.length > 0 ? `does not support ${jobsInWords(tasks)}` : 'is degraded'
  }
  const says = `is ${STATES[state].says ?? STATES[state].label.toLowerCase()}`
  return state === 'down' || state === 'ejected' ? says + why : says
}

/** What to do about it; follows a semicolon. */
export function cureOf(group: Group): string | undefined {
  const { reason = '', tasks } = healthOf(group)
  switch (group.state) {
    case 'down':
      return CURES[reason] ?? 'start the ML server or check its log'
    case 'ejected':
      return CURES[reason] ?? 'check the log of the ML server'
    case 'unresolved':
      return 'correct the host name in the URL'
    case 'degraded':
      return tasks.some(({ state }) => state !== 'lacking')
        ? 'check the log of the ML server'
        : 'other backends take these jobs'
    case 'throttled':
      return 'it answers 429, so lower its concurrency limit'
    case 'waking':
      return 'jobs are held until it answers'
    case 'asleep':
      return 'the next job wakes it'
    case 'drained':
      return 'enable it to use it again'
    case 'trial':
      return 'the next request tests it'
    default:
      return undefined
  }
}

const NETWORK = 'start the machine or check the network'
const CURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'start the ML server',
  connect: 'start the ML server or check its URL',
  gone: 'start the ML server',
  frozen: 'restart the ML server',
  timeout: 'restart the ML server or raise the timeout',
  'response-timeout': 'restart the ML server or raise the timeout',
  'connect-timeout': NETWORK,
  UND_ERR_CONNECT_TIMEOUT: NETWORK,
  EHOSTUNREACH: NETWORK,
  ENETUNREACH: NETWORK,
  ENOTFOUND: 'correct the host name in the URL',
}

/** The health of the endpoint whose state the group shows. */
function healthOf({ members, state }: Group): HealthView {
  const [first] = members
  return (members.find(({ health }) => health.state === state) ?? first).health
}
