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

/** The request header that asks for {@link ROUTE_HEADER}, with the value 1. */
export const ASKING_HEADER = 'x-immich-ml-explain'

/** The response header that says what was decided about the request. */
export const ROUTE_HEADER = 'x-immich-ml-route'

/**
 * Of the request to the router alone: the backend's own host is sent, 100-continue is settled with the client by then, and
 * whoever asks why asks the first router that it comes to.
 */
const REQUEST_ONLY: ReadonlySet<string> = new Set(['host', 'expect', 'http2-settings', ASKING_HEADER])

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
 * @param dropped Further names, in lower case, that are left out since the router sets them.
 */
export function responseHeaders(
  raw: readonly (Buffer | string)[],
  dropped: readonly string[] = [],
): string[] {
  const kept: string[] = []
  let named = NONE
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = latin1(raw[i])
    const value = latin1(raw[i + 1])
    const lower = name.toLowerCase()
    if (lower === 'connection') named = new Set([...named, ...connectionOptions(value)])
    if (!HOP_BY_HOP.has(lower) && !dropped.includes(lower)) kept.push(name, value)
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
