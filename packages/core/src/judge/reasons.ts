import { STATUS_CODES } from 'node:http'
import { shorten } from '../shorten.ts'
import type { Asked, BackendAnswer } from './backend-answer.ts'
import { skipWhitespace } from './json-members.ts'

/** Characters of a header or origin in a message. */
const LONGEST_QUOTE = 100

/** A message such as `answered 401 Unauthorized: set backends.gpu.auth`. */
export function statusReason(answer: BackendAnswer, { backend }: Asked): string {
  const fix = fixFor(answer, backend)
  return `answered ${statusText(answer.status)}${fix === undefined ? '' : `: ${fix}`}`
}

/** A message such as `answered 200 with a page instead of JSON: …`. */
export function notJsonReason(answer: BackendAnswer, { backend }: Asked, wanted = 'JSON'): string {
  const { status, headers, body } = answer
  const type = mediaType(headers)
  const isHtml = isHtmlPage(answer)
  const what = body.length === 0 ? 'an empty body' : isHtml ? 'a page' : (type ?? 'other data')
  const fix = `${isHtml ? 'a login page or another web server answered; ' : ''}check backends.${backend}.url`
  return `answered ${status} with ${shorten(what, LONGEST_QUOTE)} instead of ${wanted}: ${fix}`
}

/** Whether an answer is an HTML page, by its content type or its first byte. */
export function isHtmlPage({ headers, body }: BackendAnswer): boolean {
  return /html/i.test(mediaType(headers) ?? '') || body[skipWhitespace(body, 0)] === 0x3c
}

/** A message such as `answered 302 to https://login.example: the router does not follow redirects; …`. */
export function redirectReason({ status, headers }: BackendAnswer, { backend }: Asked): string {
  const location = header(headers, 'location')
  const origin = location !== undefined && URL.canParse(location) ? new URL(location).origin : undefined
  return origin === undefined
    ? `answered ${statusText(status)}: the router does not follow redirects; check backends.${backend}.url`
    : `answered ${status} to ${shorten(origin, LONGEST_QUOTE)}: a login page or a moved URL; check backends.${backend}.url`
}

function fixFor({ status, headers, body }: BackendAnswer, backend: string): string | undefined {
  switch (status) {
    case 401:
    case 407:
      return `set backends.${backend}.auth`
    case 403:
      return `allow the router in the proxy, or set backends.${backend}.auth`
    case 404:
      return `set backends.${backend}.url to the base URL of an ML server, without /predict`
    case 405:
      return `check backends.${backend}.url: not the URL of an ML server`
    case 413:
      return 'the proxy limits the body size; raise the limit (nginx: client_max_body_size 0)'
    case 421:
      return `the server does not accept this host name; check backends.${backend}.url`
    case 400:
    case 415:
    case 422:
      return 'not an answer of an ML server; check its proxy'
  }
  if ((status >= 520 && status <= 527) || status === 530) return 'the tunnel cannot reach the ML server'
  return body.length > 0 && /html/i.test(mediaType(headers) ?? '') && status < 500
    ? "check the ML server's proxy"
    : undefined
}

function statusText(status: number): string {
  const phrase = STATUS_CODES[status]
  return phrase === undefined ? String(status) : `${status} ${phrase}`
}

function mediaType(headers: BackendAnswer['headers']): string | undefined {
  return header(headers, 'content-type')?.split(';', 1)[0]?.trim()
}

function header(headers: BackendAnswer['headers'], name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}
