import { STATUS_CODES } from 'node:http'
import { shorten } from '../shorten.ts'
import type { Asked, BackendAnswer } from './backend-answer.ts'
import { skipWhite } from './json-members.ts'

/** Characters of a part of an answer in a reason. */
const MOST = 100

/** Such as `answered 401 Unauthorized: set backends.gpu.auth`. */
export function statusReason({ status, headers, body }: BackendAnswer, { backend }: Asked): string {
  const cure = cureFor(status, headers, body, backend)
  return `${answered(status)}${cure === undefined ? '' : `: ${cure}`}`
}

/** Such as `answered 200 with a page instead of JSON: …`. */
export function notJsonReason(
  { status, headers, body }: BackendAnswer,
  { backend }: Asked,
  wanted = 'JSON',
): string {
  const type = header(headers, 'content-type')?.split(';', 1)[0]?.trim()
  const isHtml = (type !== undefined && /html/i.test(type)) || body[skipWhite(body, 0)] === 0x3c
  const what = body.length === 0 ? 'an empty body' : isHtml ? 'a page' : (type ?? 'other data')
  const cure = `${isHtml ? 'a login page or another web server answers; ' : ''}check backends.${backend}.url`
  return `answered ${status} with ${shorten(what, MOST)} instead of ${wanted}: ${cure}`
}

/** Such as `answered 302 to https://login.example: a login page stands in front`. */
export function redirectReason({ status, headers }: BackendAnswer, { backend }: Asked): string {
  const location = header(headers, 'location')
  const origin = location !== undefined && URL.canParse(location) ? new URL(location).origin : undefined
  return origin === undefined
    ? `answered ${answeredStatus(status)}: redirects are not followed; check backends.${backend}.url`
    : `answered ${status} to ${shorten(origin, MOST)}: a login page or another address stands in front; check backends.${backend}.url`
}

function cureFor(
  status: number,
  headers: BackendAnswer['headers'],
  body: Buffer,
  backend: string,
): string | undefined {
  switch (status) {
    case 401:
    case 407:
      return `set backends.${backend}.auth`
    case 403:
      return `allow this router in front of the ML server, or set backends.${backend}.auth`
    case 404:
      return 'the URL must not end in /predict, and must lead to an ML server'
    case 405:
      return `check backends.${backend}.url: it leads to something else than an ML server`
    case 413:
      return 'the proxy in front limits the size of bodies; raise it (nginx: client_max_body_size 0)'
    case 421:
      return 'the host name in the URL is not one that the server answers to'
    case 400:
    case 415:
    case 422:
      return 'not an answer of an ML server; check what stands in front of it'
  }
  if ((status >= 520 && status <= 527) || status === 530)
    return 'the tunnel in front cannot reach the ML server'
  return body.length > 0 && /html/i.test(header(headers, 'content-type') ?? '') && status < 500
    ? 'check what stands in front of the ML server'
    : undefined
}

function answered(status: number): string {
  return `answered ${answeredStatus(status)}`
}

function answeredStatus(status: number): string {
  const phrase = STATUS_CODES[status]
  return phrase === undefined ? String(status) : `${status} ${phrase}`
}

function header(headers: BackendAnswer['headers'], name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}
