import type { ClassifyLimits } from '../classify/limits.ts'
import { defaults } from '../config/defaults.ts'
import type { RouterConfig } from '../config/parse-policy.ts'
import { resolveHeartbeats, resolveMaxHeldBytes, resolveQueue } from '../config/patience.ts'
import type { Route } from '../config/policy.ts'
import { parseSize } from '../config/size.ts'
import type { AnswerClass, AnswerOptions } from '../judge/answer-classes.ts'
import { describeBackend, warningsOf } from './describe-backend.ts'
import { describeRoute } from './describe-route.ts'
import { heartbeatWords, timeoutsLine } from './times.ts'
import { unclassifiedWarnings, unservedWarnings } from './unserved.ts'
import { counted, listed, size, upTo } from './words.ts'

/**
 * A configuration in plain words, complete with its defaults: which requests go where, what happens when a backend is full,
 * away or slow, and what each backend is. Nothing of what is secret is in it.
 *
 * @param config A valid one, as from `parseConfig`.
 */
export function describePolicy(config: RouterConfig): string {
  const routes: readonly Route[] = config.routes ?? [{ backends: Object.keys(config.backends) }]
  const backends = Object.entries(config.backends)
  const warnings = [
    ...backends.flatMap(([name, options]) => warningsOf(name, options)),
    ...backends.flatMap(([name]) =>
      routes.some((route) => route.backends.includes(name)) ? [] : [`${name}: no route leads to it`],
    ),
    ...unservedWarnings(config.backends, routes),
    ...(config.onUnclassified === 'reject' ? [] : unclassifiedWarnings(config.backends, routes)),
  ]
  return [
    'Routes, of which the first that fits takes a request:',
    ...routes.flatMap((route, index) => indented(describeRoute(route, config, routes.slice(0, index)))),
    '',
    'Backends:',
    ...backends.flatMap(([name, options]) => indented(describeBackend(name, options, config))),
    '',
    'For all:',
    ...general(config).map((line) => `  ${line}`),
    ...(warnings.length === 0 ? [] : ['', 'Warnings:', ...warnings.map((line) => `  ${line}`)]),
  ].join('\n')
}

function indented([head, ...lines]: readonly [string, ...string[]]): string[] {
  return [`  ${head}`, ...lines.map((line) => `    ${line}`)]
}

function general(config: RouterConfig): string[] {
  const { maxWait, maxLength } = resolveQueue(config.queue)
  const maxHeldBytes = resolveMaxHeldBytes(config.hold)
  const { onUnclassified = defaults.onUnclassified, forwardHeaders = [] } = config
  return [
    `queue: ${counted(maxLength, 'request')} at most, each ${upTo(maxWait)}`,
    `held bodies: ${Number.isFinite(maxHeldBytes) ? `${size(maxHeldBytes)} at most` : 'any amount'}`,
    `bodies: ${bodies(config)}`,
    `a job that is not known: ${onUnclassified === 'route' ? 'to the last route' : 'refused with 422'}`,
    ...limitsLine(config.limits),
    `a client that waits gets ${heartbeatWords(resolveHeartbeats(undefined, config.heartbeat))}`,
    ...timeoutsLine(config.timeouts),
    ...answersLine(config.answers),
    ...(forwardHeaders.length === 0 ? [] : [`client headers passed on: ${listed(forwardHeaders)}`]),
  ]
}

/** The limits that are given; the others have their defaults. */
function limitsLine(limits: ClassifyLimits = {}): string[] {
  const given = Object.entries(limits).filter(([, limit]) => limit !== undefined)
  return given.length === 0
    ? []
    : [`limits of what is read to know a job: ${listed(given.map(([name, limit]) => `${name} ${limit}`))}`]
}

function answersLine(answers: AnswerOptions = {}): string[] {
  const meanings = ANSWER_MEANINGS.flatMap(([name, meaning]) => {
    const statuses = answers[name] ?? []
    return statuses.length === 0 ? [] : [`status ${listed(statuses.map(String), 'or')} means that ${meaning}`]
  })
  return meanings.length === 0 ? [] : [`answers: ${meanings.join('; ')}`]
}

const ANSWER_MEANINGS: readonly (readonly [AnswerClass, string])[] = [
  ['backend', 'the backend fails at every job'],
  ['type', 'the backend fails at that task and type'],
  ['undecided', 'the backend or the job is at fault, as another backend decides'],
  ['job', 'the job is at fault, if another backend says so too'],
  ['lacks', 'the backend does not have that task and type'],
  ['busy', 'the backend has no time now'],
]

function bodies(config: RouterConfig): string {
  const of = (key: 'maxBodySize' | 'bodyMemory' | 'totalBodyMemory') =>
    parseSize(config[key] ?? defaults[key]) ?? defaults[key]
  const most = of('maxBodySize')
  const words = (bytes: number) => (Number.isFinite(bytes) ? size(bytes) : 'any amount')
  const { bodySpool = defaults.bodySpool } = config
  const rest =
    bodySpool === false
      ? 'not kept'
      : `in temp files${typeof bodySpool === 'string' ? ` in ${bodySpool}` : ''}`
  return [
    Number.isFinite(most) ? `up to ${size(most)}` : 'of any size',
    `for another attempt ${words(of('bodyMemory'))} of each and ${words(of('totalBodyMemory'))} of all in memory, the rest ${rest}`,
  ].join('; ')
}
