import type { AttemptRecord, BackendEvent, RequestEvent, Router } from '@immich-ml-router/core'
import type { Logger } from 'pino'

/**
 * Logs a line for each change of a backend, one when a request begins to wait and one when it waits no more, and one line
 * per predict request, with what the seed's log line has, and what was decided. Times are milliseconds.
 */
export function logRequests(router: Router, logger: Logger): void {
  router.on('backend', (event) => logBackend(event, logger))
  router.on('hold', ({ kind, reason, route, held, time, error }) => {
    // A wait for a slot is everyday business.
    if (reason === 'full' && kind !== 'gave-up') return
    if (kind === 'held') logger.info({ route, held }, 'request waits for a backend')
    else if (kind === 'released') logger.info({ route, held, time: rounded(time) }, 'request waits no more')
    else logger.warn({ route, held, time: rounded(time), error: error?.message }, 'request gave up waiting')
  })
  router.on('request', (event) => {
    const { req, status, backend, route, outcome, error } = event
    const line = {
      client: event.client,
      request: `${req.method} ${req.url} HTTP/${req.httpVersion}`,
      status: status ?? null,
      job: jobOf(event),
      route,
      backend: backend?.name,
      upstream: backend?.url,
      ...(backend?.endpoint ? { endpoint: backend.endpoint } : {}),
      backendTime: rounded(event.steps.backend),
      totalTime: rounded(event.steps.total),
      bodySize: event.bodySize,
      outcome: outcome?.kind ?? 'refused',
      ...(event.attempts.length > 1 ? { tried: event.attempts.map(triedOf) } : {}),
      ...(event.attempts.some(({ hedge }) => hedge) ? { hedged: true } : {}),
      ...(event.retained ? {} : { retained: false }),
      ...(error ? { error: error.message } : {}),
    }
    if (outcome?.kind === 'answered') logger.info(line, 'predict')
    else logger.warn(line, 'predict')
  })
}

function logBackend(event: BackendEvent, logger: Logger): void {
  const backend = { backend: event.backend, ...(event.endpoint ? { endpoint: event.endpoint } : {}) }
  switch (event.kind) {
    case 'breaker': {
      const { task, to } = event
      const what = { ...backend, ...(task === undefined ? {} : { task }) }
      if (to.kind === 'open') logger.warn({ ...what, reason: to.reason }, 'backend ejected')
      else if (to.kind === 'trial') logger.info(what, 'backend is tried again')
      else if (to.kind === 'recovering') logger.info(what, 'backend is back, and starts slowly')
      else logger.info(what, 'backend is well')
      return
    }
    case 'probe':
      if (event.to.kind === 'down') logger.warn({ ...backend, reason: event.to.reason }, 'backend is down')
      else logger.info(backend, 'backend is up')
      return
    case 'lacks':
      logger.warn({ ...backend, task: event.task }, 'backend does not have this task')
      return
    case 'busy':
      logger.info(backend, 'backend asks to be left alone')
      return
    case 'enabled':
      logger.info(backend, event.enabled ? 'backend is enabled' : 'backend is drained')
      return
    case 'wanted':
      if (event.error === undefined) logger.info(backend, 'backend is wanted while it is down')
      else logger.warn({ ...backend, error: event.error.message }, 'backend could not be woken')
      return
    case 'resolved': {
      const { endpoints, added, removed } = event
      logger.info({ ...backend, endpoints, added, removed }, "backend's name was resolved")
      return
    }
    case 'unresolved':
      logger.warn({ ...backend, error: event.error.message }, "backend's name could not be resolved")
  }
}

function triedOf({ backend, endpoint }: AttemptRecord): string {
  return endpoint === undefined ? backend : `${backend} at ${endpoint}`
}

/** `clip/textual`, `ocr/detection+ocr/recognition`, or why it is not known. */
function jobOf({ classification }: RequestEvent): string {
  if (classification === undefined) return 'unknown'
  if (!classification.classified) return `unclassified (${classification.reason})`
  return classification.entries.map(({ task, type }) => `${task}/${type}`).join('+')
}

function rounded(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 10) / 10
}
