import type { AnswerOptions, ClassifyLimits, RouterConfig } from '../config/policy.ts'
import { problemText } from '../config/problems.ts'
import { type ResolvedConfig, type ResolvedPolicy, resolveConfig, resolveImmich } from '../config/resolve.ts'
import type { AnswerClass } from '../judge/answer-classes.ts'
import { configWarnings } from './config-warnings.ts'
import { describeBackend } from './describe-backend.ts'
import { describeRoute } from './describe-route.ts'
import { counted, heartbeatWords, listed, type Paragraph, said, size, timeoutsLine, upTo } from './words.ts'

/** What {@link describePolicy} describes. */
export interface DescribeOptions {
  /**
   * Whether the description ends with the warnings of `configWarnings()`.
   * @default true
   */
  readonly warnings?: boolean
}

/**
 * Describes a configuration in plain words, complete with its defaults: which requests go where, what happens when a backend
 * is at its limit, unavailable or slow, what each backend is, and the warnings of `configWarnings()`. It contains no secrets.
 *
 * @param config A configuration from `parseConfig`, or the options of a router.
 * @throws {ConfigError} if the configuration is not valid.
 *
 * @example
 * ```ts
 * import { describePolicy } from '@immich-ml-router/core'
 *
 * console.log(describePolicy({ backends: { gpu: { url: 'http://gpu:3003' } } }))
 * ```
 */
export function describePolicy(config: RouterConfig, { warnings = true }: DescribeOptions = {}): string {
  const resolved = resolveConfig(config)
  const { policy } = resolved
  const lines = warnings ? configWarnings(config).map(problemText) : []
  return [
    'Routes (the first match takes the request):',
    ...routesOf(policy).flatMap(indented),
    '',
    'Backends:',
    ...[...policy.backends].flatMap(([name, backend]) => {
      const options = config.backends[name]
      return options === undefined ? [] : indented(describeBackend(name, options, backend, config))
    }),
    '',
    'Global:',
    ...general(config, resolved).map((line) => `  ${line}`),
    ...(lines.length === 0 ? [] : ['', 'Warnings:', ...lines.map((line) => `  ${line}`)]),
  ].join('\n')
}

/** A route in words. */
export interface RouteDescription {
  /** What it takes, and where that goes. */
  readonly words: string
  /** What happens when its backends are at their limit, unavailable, failing or late. */
  readonly details: readonly string[]
}

/**
 * Describes each route of a configuration in the words of {@link describePolicy}, in order.
 *
 * @throws {ConfigError} if the configuration is not valid.
 */
export function describeRoutes(config: RouterConfig): RouteDescription[] {
  return routesOf(resolveConfig(config).policy).map(([words, ...details]) => ({ words, details }))
}

function routesOf(policy: ResolvedPolicy): Paragraph[] {
  const routes = policy.routes.map(({ written }) => written)
  return policy.routes.map((route, index) => describeRoute(route, policy, routes.slice(0, index)))
}

function indented([head, ...lines]: Paragraph): string[] {
  return [`  ${head}`, ...lines.map((line) => `    ${line}`)]
}

function general(config: RouterConfig, { policy, exchange }: ResolvedConfig): string[] {
  const { queue, maxHeldBytes, heartbeats } = policy
  const { maxWait, maxLength } = queue
  const { forwardHeaders = [], agreement = 'warn' } = config
  return said(
    `queue: ${counted(maxLength, 'request')} at most, each ${upTo(maxWait)} unless its route says otherwise`,
    tenantsLine(config.tenant),
    `held bodies: ${Number.isFinite(maxHeldBytes) ? `${size(maxHeldBytes)} at most` : 'unlimited'}`,
    `bodies: ${bodies(exchange)}`,
    `unclassified requests: ${exchange.onUnclassified === 'route' ? 'the last route' : '422'}`,
    limitsLine(config.limits),
    `heartbeats: ${heartbeatWords(heartbeats)}`,
    timeoutsLine(config.timeouts),
    answersLine(config.answers),
    agreement === 'warn'
      ? undefined
      : `backends that disagree: ${agreement === 'off' ? 'not compared' : 'excluded'}`,
    immichLine(config),
    forwardHeaders.length === 0 ? undefined : `client headers passed on: ${listed(forwardHeaders)}`,
  )
}

function immichLine(config: RouterConfig): string | undefined {
  const immich = resolveImmich(config)
  if (immich === undefined) return undefined
  const { url, heal, pauseWhileDown } = immich
  const heals = heal ? 'lost jobs are queued again' : 'lost jobs are counted'
  const pauses = pauseWhileDown ? ['queues are paused while no backend works'] : []
  return `Immich: ${[url, heals, ...pauses].join('; ')}`
}

function tenantsLine(tenant: RouterConfig['tenant']): string | undefined {
  if (tenant === undefined) return undefined
  const where = typeof tenant === 'function' ? 'as a function says' : `by the header ${tenant.header}`
  return `tenants: ${where}; they take turns in the queue`
}

/** The limits that are given; the others have their defaults. */
function limitsLine(limits: ClassifyLimits = {}): string | undefined {
  const given = Object.entries(limits).filter(([, limit]) => limit !== undefined)
  const words = listed(given.map(([name, limit]) => `${name} ${limit}`))
  return given.length === 0 ? undefined : `limits of what is read to know a job: ${words}`
}

function answersLine(answers: AnswerOptions = {}): string | undefined {
  const meanings = ANSWER_MEANINGS.flatMap(([name, meaning]) => {
    const statuses = answers[name] ?? []
    return statuses.length === 0 ? [] : [`status ${listed(statuses.map(String), 'or')} means that ${meaning}`]
  })
  return meanings.length === 0 ? undefined : `answers: ${meanings.join('; ')}`
}

const ANSWER_MEANINGS: readonly (readonly [AnswerClass, string])[] = [
  ['backend', 'the backend fails at every job'],
  ['type', 'the backend fails at this task and type'],
  ['undecided', 'another backend decides whether the backend or the job is at fault'],
  ['job', 'the job is at fault if another backend agrees'],
  ['lacks', 'the backend lacks this task and type'],
  ['busy', 'the backend is busy'],
]

function bodies({
  maxBodySize: most,
  bodyMemory,
  totalBodyMemory,
  bodySpool,
}: ResolvedConfig['exchange']): string {
  const words = (bytes: number) => (Number.isFinite(bytes) ? size(bytes) : 'unlimited')
  const rest =
    bodySpool === false
      ? 'not kept'
      : `in temp files${typeof bodySpool === 'string' ? ` in ${bodySpool}` : ''}`
  return [
    Number.isFinite(most) ? `up to ${size(most)}` : 'of any size',
    `kept for retries: ${words(bodyMemory)} each and ${words(totalBodyMemory)} in total in memory, the rest ${rest}`,
  ].join('; ')
}
