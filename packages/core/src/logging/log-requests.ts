import { describeOutcome } from '../backend/outcome.ts'
import type { Classification } from '../classify/classification.ts'
import type { PolicyChanges } from '../config/changes.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { BackendEvent } from '../router/policy-runtime.ts'
import type { RequestEvent, Router } from '../router/router.ts'
import type { HoldEvent } from '../routing/lease.ts'
import { shorten, shortenList } from '../shorten.ts'
import { type Fields, type Logger, type Message, write } from './lines.ts'

/**
 * Logs one line for each predict request, each change of a backend's state, each reload, and each start and end of a wait.
 * Times are milliseconds.
 *
 * @param logger A logger such as `pino()`, with its own level and redaction.
 * @returns Stops logging.
 */
export function logRequests(router: Pick<Router, 'on'>, logger: Logger): () => void {
  const endings = [
    router.on('request', (event) => logRequest(event, logger)),
    router.on('hold', (event) => logHold(event, logger)),
    router.on('backend', (event) => logBackend(event, logger)),
    router.on('notice', ({ kind, message, client }) => {
      if (kind === 'search-cache' || kind === 'not-served')
        return write(logger, 'router notice', { advice: message })
      // Other notices are logged where they are set.
      if (kind !== 'http-1.0') return
      write(logger, 'predict requests use HTTP/1.0', {
        client,
        advice: 'HTTP/1.0 does not support heartbeats; in nginx, set proxy_http_version 1.1',
      })
    }),
    router.on('reload', (changes) =>
      write(logger, 'configuration reloaded', { different: describeChanges(changes) }),
    ),
  ]
  return () => {
    for (const end of endings) end()
  }
}

function logRequest(event: RequestEvent, logger: Logger): void {
  const { req, status, backend, route, outcome, error, attempts, heartbeats, cached, parts } = event
  const { queue, hold } = event.steps
  // The reasons of its `hold` events.
  const waited = [queue > 0 ? ['full'] : [], hold > 0 ? ['unavailable'] : []].flat()
  const line: Fields = {
    client: event.client,
    ...(event.tenant === undefined ? {} : { tenant: event.tenant }),
    request: `${req.method} ${shorten(req.url ?? '')} HTTP/${req.httpVersion}`,
    status: status ?? null,
    job: jobOf(event),
    route,
    backend: backend?.name,
    upstream: backend?.url,
    endpoint: backend?.endpoint,
    outcome: outcomeOf(event),
    ...(parts === undefined ? {} : { parts }),
    ...(waited.length > 0 ? { waited } : {}),
    ...(attempts.length > 1 ? { attempts: attempts.map(attemptOf) } : {}),
    ...(attempts.some(({ hedge }) => hedge) ? { hedged: true } : {}),
    ...(heartbeats > 0 ? { heartbeats } : {}),
    ...(event.retained ? {} : { retained: false }),
    ...(error ? { error: error.message } : {}),
    bodySize: event.bodySize,
    steps: stepsOf(event),
  }
  const isGood =
    cached !== undefined ||
    (parts !== undefined && status === 200) ||
    (outcome?.kind === 'answered' && outcome.status < 400)
  write(logger, 'predict', line, isGood ? 'info' : 'warn')
}

function outcomeOf({ cached, parts, outcome }: RequestEvent): string {
  if (cached !== undefined) return `cached-${cached}`
  return parts === undefined ? (outcome?.kind ?? 'refused') : 'split'
}

function attemptOf({ backend, endpoint, outcome, hedge, ...attempt }: AttemptRecord): object {
  return {
    backend,
    endpoint,
    outcome: describeOutcome(outcome),
    ...(hedge ? { hedge } : {}),
    connect: rounded(attempt.connect),
    firstByte: rounded(attempt.firstByte),
    time: rounded(attempt.time),
  }
}

function stepsOf({ steps, attempts }: RequestEvent): object {
  return {
    classify: rounded(steps.classify),
    queue: rounded(steps.queue),
    hold: rounded(steps.hold),
    connect: rounded(attempts.at(-1)?.connect),
    firstByte: rounded(steps.firstByte),
    backend: rounded(steps.backend),
    total: rounded(steps.total),
  }
}

function logHold({ kind, reason, route, held, time, error }: HoldEvent, logger: Logger): void {
  const waited: Fields = { route, reason, held, waitedFor: rounded(time) }
  // Queuing is normal under load.
  const level = reason === 'full' ? 'debug' : 'info'
  if (kind === 'gave-up') write(logger, 'request gave up waiting', { ...waited, error: error?.message })
  else if (kind === 'released') write(logger, 'request dispatched', waited, level)
  else if (reason === 'full') write(logger, 'request queued', { route, held })
  else write(logger, 'request held', { route, held })
}

function logBackend(event: BackendEvent, logger: Logger): void {
  const { backend, endpoint } = event
  const [message, fields] = lineOf(event)
  const line = { backend, endpoint, ...fields }
  // A module may ask every few minutes.
  if (message === 'backend passed canary' && isRoutine(event)) write(logger, message, line, 'debug')
  else write(logger, message, line)
}

function isRoutine(event: BackendEvent): boolean {
  return event.kind === 'canary' && event.purpose !== 'failure'
}

/** The message for a change of a backend, and its further fields. */
function lineOf(event: BackendEvent): readonly [BackendMessage, Fields?] {
  switch (event.kind) {
    case 'breaker': {
      const { task, to } = event
      if (to.kind === 'open') return ['backend ejected', { task, reason: to.reason, ejections: to.ejections }]
      if (to.kind === 'trial') return ['backend on trial', { task }]
      return [to.kind === 'recovering' ? 'backend recovering' : 'backend recovered', { task }]
    }
    case 'probe':
      return event.to.kind === 'down' ? ['backend down', { reason: event.to.reason }] : ['backend up']
    case 'lacks':
      return ['backend does not support this task', { task: event.task }]
    case 'busy':
      return ['backend throttled']
    case 'canary': {
      const { job, result } = event
      if (result.kind === 'failed') return ['backend failed canary', { job, reason: result.reason }]
      return [result.kind === 'passed' ? 'backend passed canary' : 'backend throttled', { job }]
    }
    case 'model-problem': {
      const { route, reason, excluded } = event.problem
      if (event.fixed) return ['backend model problem fixed', { route, reason }]
      return ['backend has a model problem', { route, reason: excluded ? `${reason}; excluded` : reason }]
    }
    case 'enabled':
      return [event.enabled ? 'backend enabled' : 'backend draining']
    case 'wanted':
      return event.error === undefined
        ? ['backend needed while down']
        : ['backend wake-up failed', { error: event.error.message }]
    case 'warmed': {
      const { jobs, time, reason } = event
      const message = reason === undefined ? 'backend models loaded' : 'backend models not loaded'
      return [message, { jobs, loadedIn: rounded(time), reason }]
    }
    case 'suspended':
    case 'recycled': {
      const verb = event.kind === 'suspended' ? 'suspend' : 'recycle'
      return event.error === undefined
        ? [`backend ${event.kind}`]
        : [`backend ${verb} failed`, { error: event.error.message }]
    }
    case 'resolved': {
      const { endpoints, added, removed } = event
      return ['backend addresses changed', { endpoints, added, removed }]
    }
    case 'unresolved':
      return ['backend name resolution failed', { error: event.error.message }]
    case 'added':
    case 'removed':
      return [`backend ${event.kind}`, { upstream: event.url }]
  }
}

type BackendMessage = Extract<Message, `backend ${string}`>

/** `backends added: gpu; routes changed: clip/visual`. */
function describeChanges({ backends, routes, options }: PolicyChanges): string {
  const parts: [what: string, names: readonly string[]][] = [
    ['backends added', backends.added],
    ['backends removed', backends.removed],
    ['backends with another URL', backends.replaced],
    ['backends changed', backends.changed],
    ['routes added', routes.added],
    ['routes removed', routes.removed],
    ['routes changed', routes.changed],
    ['options changed', options],
  ]
  const words = parts.flatMap(([what, names]) => (names.length > 0 ? [`${what}: ${names.join(', ')}`] : []))
  if (routes.reordered) words.push('routes reordered')
  return words.length > 0 ? words.join('; ') : 'nothing'
}

/** `clip/textual`, `ocr/detection+ocr/recognition`, or why the request is not classified. */
function jobOf({ classification }: RequestEvent): string {
  if (classification === undefined) return 'unknown'
  if (!classification.classified) return `unclassified (${classification.reason})`
  return shortenList(typesOf(classification), '+')
}

function* typesOf({ entries }: Classification): Generator<string> {
  for (const { task, type } of entries) yield `${task}/${type}`
}

function rounded(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 10) / 10
}
