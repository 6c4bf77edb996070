import type { RequestEvent, Router } from '@immich-ml-router/core'
import type { Logger } from 'pino'

/** Logs a line for each change of a backend's health, and one line per predict request, with what the seed's log line has, and what was decided. Times are milliseconds. */
export function logRequests(router: Router, logger: Logger): void {
  router.on('backend', ({ backend, task, to }) => {
    const what = { backend, ...(task === undefined ? {} : { task }) }
    if (to.kind === 'open') logger.warn({ ...what, reason: to.reason }, 'backend ejected')
    else logger.info(what, to.kind === 'trial' ? 'backend is tried again' : 'backend is back')
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
      backendTime: rounded(event.backendTime),
      totalTime: rounded(event.totalTime),
      bodySize: event.bodySize,
      outcome: outcome?.kind ?? 'refused',
      ...(event.attempts.length > 1 ? { tried: event.attempts.map(({ backend: name }) => name) } : {}),
      ...(error ? { error: error.message } : {}),
    }
    if (outcome?.kind === 'answered') logger.info(line, 'predict')
    else logger.warn(line, 'predict')
  })
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
