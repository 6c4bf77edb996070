import type { IncomingHttpHeaders } from 'node:http'
import { FRAMING } from '../config/header-names.ts'

/** RFC 9110 section 7.6.1: headers of one connection, not of the message. */
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

/** The response header that explains the decision. */
export const ROUTE_HEADER = 'x-immich-ml-route'

/** Headers for this router alone: the backend gets its own host, and the router handles 100-continue itself. */
const REQUEST_ONLY: ReadonlySet<string> = new Set(['host', 'expect', 'http2-settings', ASKING_HEADER])

/** Headers about the client and its proxies: a backend gets only those that `forwardHeaders` names. */
const PRIVATE = /^(?:authorization|cookie|forwarded|x-forwarded(?:-.*)?|x-real-ip)$/

export type HeaderRecord = Record<string, string | string[]>

const PLAIN = /^[a-z0-9-]*$/
const ODD = /[^a-z0-9-]/g

/** A `Connection` that names no further header. */
const USUAL_CONNECTION = /^(?:keep-alive|close)$/i

/**
 * One name for all headers that a server may take for the same: CGI, WSGI and PHP replace every character of a header's name
 * except letters and digits with an underscore.
 *
 * @param name In lower case.
 */
function plainName(name: string): string {
  return name.replace(ODD, '-')
}

/**
 * The client's headers as a backend may see them.
 *
 * @param passed Names, in lower case, of private headers to pass on; such a name does not include names that differ in punctuation.
 */
export function requestHeaders(headers: IncomingHttpHeaders, passed: ReadonlySet<string>): HeaderRecord {
  const { connection } = headers
  const isUsual = connection === undefined || USUAL_CONNECTION.test(connection)
  const named = new Set(isUsual ? [] : connectionOptions(connection).map(plainName))
  const kept: HeaderRecord = {}
  for (const name in headers) {
    const value = headers[name]
    // HTTP/2's pseudo-headers begin with a colon.
    if (value === undefined || name.startsWith(':')) continue
    const plain = PLAIN.test(name) ? name : plainName(name)
    if (HOP_BY_HOP.has(plain) || REQUEST_ONLY.has(plain) || named.has(plain)) continue
    if (PRIVATE.test(plain) && !passed.has(name)) continue
    if (plain !== name && FRAMING.has(plain)) continue
    kept[name] = value
  }
  return kept
}

/** Adds a backend's own headers; they replace every header of the same name, however that is written. */
export function withOwnHeaders(
  headers: HeaderRecord,
  own: Readonly<Record<string, string | string[]>> | undefined,
): HeaderRecord {
  if (own === undefined) return headers
  const names = Object.keys(own)
  return names.length === 0 ? headers : { ...withoutHeaders(headers, names), ...own }
}

/** The headers without those of these names, however they are written. */
export function withoutHeaders(headers: HeaderRecord, names: readonly string[]): HeaderRecord {
  const dropped = new Set(names.map((name) => plainName(name.toLowerCase())))
  const others = Object.entries(headers).filter(([name]) => !dropped.has(plainName(name.toLowerCase())))
  return Object.fromEntries(others)
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
  const texts = raw.map((text) => (typeof text === 'string' ? text : text.toString('latin1')))
  const kept: string[] = []
  const named: string[] = []
  for (let i = 0; i + 1 < texts.length; i += 2) {
    const [name = '', value = ''] = [texts[i], texts[i + 1]]
    const lower = name.toLowerCase()
    if (lower === 'connection' && !USUAL_CONNECTION.test(value)) named.push(...connectionOptions(value))
    if (!HOP_BY_HOP.has(lower) && !dropped.includes(lower)) kept.push(name, value)
  }
  if (named.length === 0) return kept
  return kept.filter((_, i) => !named.includes((kept[i - (i % 2)] ?? '').toLowerCase()))
}

/** The headers that `Connection` declares to be of this connection only. */
function connectionOptions(connection: string): string[] {
  return connection.split(',').map((option) => option.trim().toLowerCase())
}
