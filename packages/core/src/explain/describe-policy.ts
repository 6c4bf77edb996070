import type { AnswerOptions, ClassifyLimits, Policy, Route, RouterConfig } from '../config/policy.ts'
import { type ResolvedConfig, type ResolvedRoute, resolveConfig } from '../config/resolve.ts'
import { NO_HEAD } from '../incoming-message.ts'
import type { AnswerClass } from '../judge/answer-classes.ts'
import { compileHead, compileJob, partsOf } from '../routing/match.ts'
import { describeBackend, warningsOf } from './describe-backend.ts'
import { describeRoute } from './describe-route.ts'
import { type ImmichJob, JOBS } from './job-words.ts'
import { counted, heartbeatWords, listed, type Paragraph, said, size, timeoutsLine, upTo } from './words.ts'

/**
 * A configuration in plain words, complete with its defaults: which requests go where, what happens when a backend is full,
 * away or slow, and what each backend is. Nothing of what is secret is in it.
 *
 * @example
 * ```ts
 * import { describePolicy } from '@immich-ml-router/core'
 *
 * console.log(describePolicy({ backends: { gpu: { url: 'http://gpu:3003' } } }))
 * ```
 *
 * @param config A valid one, as from `parseConfig`.
 */
export function describePolicy(config: RouterConfig): string {
  const resolved = resolveConfig(config)
  const { policy } = resolved
  const routes = policy.routes.map(({ written }) => written)
  const backends = Object.entries(config.backends)
  const warnings = [
    ...backends.flatMap(([name, options]) => warningsOf(name, options)),
    ...backends.flatMap(([name]) =>
      routes.some((route) => route.backends.includes(name)) ? [] : [`${name}: no route leads to it`],
    ),
    ...unservedWarnings(config.backends, routes),
    ...pathWarnings(resolved.paths, policy.routes),
    ...(config.onUnclassified === 'reject' ? [] : unclassifiedWarnings(config.backends, routes)),
  ]
  return [
    'Routes, of which the first that fits takes a request:',
    ...policy.routes.flatMap((route, index) =>
      indented(describeRoute(route, policy, routes.slice(0, index))),
    ),
    '',
    'Backends:',
    ...[...policy.backends].flatMap(([name, backend]) => {
      const options = config.backends[name]
      return options === undefined ? [] : indented(describeBackend(name, options, backend, config))
    }),
    '',
    'For all:',
    ...general(config, resolved).map((line) => `  ${line}`),
    ...(warnings.length === 0 ? [] : ['', 'Warnings:', ...warnings.map((line) => `  ${line}`)]),
  ].join('\n')
}

function indented([head, ...lines]: Paragraph): string[] {
  return [`  ${head}`, ...lines.map((line) => `    ${line}`)]
}

function general(config: RouterConfig, { policy, exchange }: ResolvedConfig): string[] {
  const { queue, maxHeldBytes, heartbeats } = policy
  const { maxWait, maxLength } = queue
  const { forwardHeaders = [] } = config
  return said(
    `queue: ${counted(maxLength, 'request')} at most, each ${upTo(maxWait)}`,
    tenantsLine(config.tenant),
    `held bodies: ${Number.isFinite(maxHeldBytes) ? `${size(maxHeldBytes)} at most` : 'any amount'}`,
    `bodies: ${bodies(exchange)}`,
    `a job that is not known: ${exchange.onUnclassified === 'route' ? 'to the last route' : 'refused with 422'}`,
    limitsLine(config.limits),
    `a client that waits gets ${heartbeatWords(heartbeats)}`,
    timeoutsLine(config.timeouts),
    answersLine(config.answers),
    forwardHeaders.length === 0 ? undefined : `client headers passed on: ${listed(forwardHeaders)}`,
  )
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
  ['type', 'the backend fails at that task and type'],
  ['undecided', 'the backend or the job is at fault, as another backend decides'],
  ['job', 'the job is at fault, if another backend says so too'],
  ['lacks', 'the backend does not have that task and type'],
  ['busy', 'the backend has no time now'],
]

function bodies({
  maxBodySize: most,
  bodyMemory,
  totalBodyMemory,
  bodySpool,
}: ResolvedConfig['exchange']): string {
  const words = (bytes: number) => (Number.isFinite(bytes) ? size(bytes) : 'any amount')
  const rest =
    bodySpool === false
      ? 'not kept'
      : `in temp files${typeof bodySpool === 'string' ? ` in ${bodySpool}` : ''}`
  return [
    Number.isFinite(most) ? `up to ${size(most)}` : 'of any size',
    `for another attempt ${words(bodyMemory)} of each and ${words(totalBodyMemory)} of all in memory, the rest ${rest}`,
  ].join('; ')
}

/** Warns of each of Immich's jobs whose route has no backend that serves it. */
function unservedWarnings(backends: Policy['backends'], routes: readonly Route[]): string[] {
  return JOBS.flatMap((job) =>
    routesOf(job, routes).flatMap((route) => {
      if (route.backends.some((name) => serves(backends[name]?.tasks, job))) return []
      const [task = ''] = job.tasks
      const where = route.name === undefined ? 'its route' : `route "${route.name}"`
      return [`${nameOf(job)}: no backend of ${where} serves it; add ${task} to the tasks of one`]
    }),
  )
}

/** Warns of each route by path that no path of the router matches. */
function pathWarnings(basePaths: readonly string[], routes: readonly ResolvedRoute[]): string[] {
  const paths = basePaths.map((base) => `${base}/predict`)
  return routes.flatMap(({ match, name }, index) => {
    if (typeof match !== 'object' || match.path === undefined) return []
    const fits = compileHead({ path: match.path })
    if (paths.some((path) => fits({ ...NO_HEAD, path }))) return []
    const where = name === undefined ? `route ${index + 1}` : `route "${name}"`
    return [
      `${where}: matches the path ${listed([match.path].flat(), 'or')}, but the router answers only ${listed(paths)}; set path, unless a framework mounts the router there`,
    ]
  })
}

/** Warns of each route that takes unclassified requests, and whose backends do not. */
function unclassifiedWarnings(backends: Policy['backends'], routes: readonly Route[]): string[] {
  return routes.flatMap((route, index) => {
    const { match, name } = route
    const takesUnknown = typeof match === 'object' ? partsOf(match).job === undefined : match === undefined
    const isServed = route.backends.some((backend) => {
      const { tasks, unclassified } = backends[backend] ?? {}
      return tasks === undefined || unclassified === true
    })
    if (!takesUnknown || isServed) return []
    const where =
      name !== undefined
        ? `route "${name}"`
        : index === routes.length - 1
          ? 'the last route'
          : `route ${index + 1}`
    return [
      `unclassified requests: no backend of ${where} takes them; set unclassified: true on one, or onUnclassified: reject`,
    ]
  })
}

/** The routes that may take a job: which one may depend on its model, headers and path. A match in code is not asked. */
function routesOf(job: ImmichJob, routes: readonly Route[]): readonly Route[] {
  const taking: Route[] = []
  for (const route of routes) {
    const { match } = route
    if (typeof match === 'function') continue
    const { job: { model, ...rest } = {}, head } = partsOf(match ?? {})
    if (!compileJob(rest)(job)) continue
    taking.push(route)
    if (model === undefined && head === undefined) break
  }
  return taking
}

function serves(tasks: readonly string[] | undefined, job: ImmichJob): boolean {
  return tasks === undefined || job.tasks.every((task) => tasks.includes(task))
}

/** `clip/textual`; the task alone where the job has several types. */
function nameOf({ entries, tasks }: ImmichJob): string {
  const [task = ''] = tasks
  const [entry, ...others] = entries
  return entry === undefined || others.length > 0 ? task : `${task}/${entry.type}`
}
