import type { IncomingHttpHeaders } from 'node:http'

/** RFC 9110 section 7.6.1: they speak of one connection, not of the message. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

/** Of the request alone: the backend's own host is sent, and 100-continue is settled with the client by then. */
const REQUEST_ONLY: ReadonlySet<string> = new Set(['host', 'expect', 'http2-settings'])

/** What a client must not tell a backend unless the options say so: who it is, and through whom it came. */
const PRIVATE = /^(?:authorization|cookie|forwarded|x-forwarded(?:-.*)?|x-real-ip)$/

export type HeaderRecord = Record<string, string | string[]>

/**
 * The client's headers as a backend may see them.
 *
 * @param passed Names, in lower case, of private headers to pass on all the same.
 */
export function requestHeaders(headers: IncomingHttpHeaders, passed: ReadonlySet<string>): HeaderRecord {
  const named = connectionOptions(headers.connection)
  const kept: HeaderRecord = {}
  for (const name in headers) {
    const value = headers[name]
    // HTTP/2's pseudo-headers begin with a colon.
    if (value === undefined || name.startsWith(':')) continue
    if (HOP_BY_HOP.has(name) || REQUEST_ONLY.has(name) || named.has(name)) continue
    if (PRIVATE.test(name) && !passed.has(name)) continue
    kept[name] = value
  }
  return kept
}

/** The headers for a backend with its own, which win, however the others are written. */
export function withOwnHeaders(
  headers: HeaderRecord,
  own: Readonly<Record<string, string>> | undefined,
): HeaderRecord {
  if (own === undefined) return headers
  const others = Object.entries(headers).filter(([name]) => !Object.hasOwn(own, name.toLowerCase()))
  return { ...Object.fromEntries(others), ...own }
}

/**
 * A backend's headers as the client sees them, in Node's raw form: name, value, name, value.
 *
 * @param dropped A further name, in lower case, that is left out since the router sets it.
 */
export function responseHeaders(raw: readonly (Buffer | string)[], dropped: string | undefined): string[] {
  const kept: string[] = []
  let named = NONE
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = latin1(raw[i])
    const value = latin1(raw[i + 1])
    const lower = name.toLowerCase()
    if (lower === 'connection') named = new Set([...named, ...connectionOptions(value)])
    if (!HOP_BY_HOP.has(lower) && lower !== dropped) kept.push(name, value)
  }
  return named.size === 0 ? kept : kept.filter((_, i) => !named.has((kept[i - (i % 2)] ?? '').toLowerCase()))
}

/** The headers that `Connection` declares to be of this connection only. */
function connectionOptions(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined) return NONE
  return new Set(connection.split(',').map((option) => option.trim().toLowerCase()))
}

const NONE: ReadonlySet<string> = new Set()

function latin1(value: Buffer | string | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
}
