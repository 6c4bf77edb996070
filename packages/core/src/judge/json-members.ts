/** A value in a JSON object, by its first byte; `start` and `end` frame its bytes. */
export interface Member {
  readonly kind: 'string' | 'object' | 'array' | 'literal'
  readonly start: number
  readonly end: number
}

export interface Members {
  readonly byName: ReadonlyMap<string, Member>
  /** Whether the object ends, with nothing but white space behind it. */
  readonly complete: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const COLON = 0x3a
const COMMA = 0x2c

/**
 * Finds the members of a JSON object without parsing their values: strings are skipped by a native search, which takes
 * a tenth of the time of `JSON.parse` for an embedding.
 *
 * @param from Where the object begins.
 * @returns `undefined` when the bytes are no JSON object, or the members up to where they end.
 */
export function membersOf(bytes: Buffer, from = 0): Members | undefined {
  const byName = new Map<string, Member>()
  let at = skipWhite(bytes, from)
  if (bytes[at] !== OPEN_OBJECT) return undefined
  at = skipWhite(bytes, at + 1)
  if (bytes[at] === CLOSE_OBJECT) return { byName, complete: isEnd(bytes, at + 1) }
  while (at < bytes.length) {
    if (bytes[at] !== QUOTE) return undefined
    const nameEnd = stringEnd(bytes, at)
    if (nameEnd === undefined) break
    const name = nameOf(bytes, at, nameEnd)
    if (name === undefined) return undefined
    at = skipWhite(bytes, nameEnd)
    if (at >= bytes.length) break
    if (bytes[at] !== COLON) return undefined
    const start = skipWhite(bytes, at + 1)
    const end = valueEnd(bytes, start)
    if (end === undefined) break
    if (end === MALFORMED) return undefined
    byName.set(name, { kind: kindOf(bytes[start]), start, end })
    at = skipWhite(bytes, end)
    if (at >= bytes.length) break
    if (bytes[at] === CLOSE_OBJECT) return { byName, complete: isEnd(bytes, at + 1) }
    if (bytes[at] !== COMMA) return undefined
    at = skipWhite(bytes, at + 1)
  }
  return { byName, complete: false }
}

/** The first byte that is no JSON white space. */
export function skipWhite(bytes: Buffer, from: number): number {
  let at = from
  for (; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
  }
  return at
}

/** White space behind an object does not matter to `JSON.parse`; for `membersOf` of a nested object anything may follow. */
function isEnd(bytes: Buffer, at: number): boolean {
  return skipWhite(bytes, at) === bytes.length
}

function kindOf(byte: number | undefined): Member['kind'] {
  if (byte === QUOTE) return 'string'
  if (byte === OPEN_OBJECT) return 'object'
  return byte === OPEN_ARRAY ? 'array' : 'literal'
}

/** Behind the string that begins here; `undefined` when it does not end. */
function stringEnd(bytes: Buffer, start: number): number | undefined {
  for (let at = start + 1; ; ) {
    const quote = bytes.indexOf(QUOTE, at)
    if (quote === -1) return undefined
    let escapes = 0
    while (bytes[quote - 1 - escapes] === BACKSLASH && quote - 1 - escapes > start) escapes++
    if (escapes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** Behind the value that begins here; `undefined` when it does not end, {@link MALFORMED} when it is none. */
function valueEnd(bytes: Buffer, start: number): number | undefined {
  const first = bytes[start]
  if (first === QUOTE) return stringEnd(bytes, start)
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return nestedEnd(bytes, start)
  let at = start
  while (at < bytes.length && isLiteral(bytes[at])) at++
  if (at === bytes.length) return undefined
  return LITERAL.test(bytes.toString('latin1', start, at)) ? at : MALFORMED
}

const LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/

/**
 * Behind the object or array that begins here. Brackets, commas and colons must be where JSON has them, as `JSON.parse`
 * would insist; what is inside strings is not looked at.
 */
function nestedEnd(bytes: Buffer, start: number): number | undefined {
  const open: number[] = []
  let wanted: Wanted = 'value'
  for (let at = start; at < bytes.length; ) {
    const byte = bytes[at]
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      at++
      continue
    }
    const inObject = open.at(-1) === OPEN_OBJECT
    if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      const opened = open.pop()
      if (opened === undefined || opened !== byte - 2) return MALFORMED
      if (wanted !== 'comma' && wanted !== 'first') return MALFORMED
      at++
      if (open.length === 0) return at
      wanted = 'comma'
    } else if (byte === COMMA) {
      if (wanted !== 'comma') return MALFORMED
      wanted = inObject ? 'name' : 'value'
      at++
    } else if (byte === COLON) {
      if (wanted !== 'colon') return MALFORMED
      wanted = 'value'
      at++
    } else if (wanted === 'name' || (wanted === 'first' && inObject)) {
      if (byte !== QUOTE) return MALFORMED
      const end = stringEnd(bytes, at)
      if (end === undefined) return undefined
      at = end
      wanted = 'colon'
    } else if (wanted === 'value' || wanted === 'first') {
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        open.push(byte)
        wanted = 'first'
        at++
        continue
      }
      const end = valueEnd(bytes, at)
      if (end === undefined || end === MALFORMED) return end
      at = end
      wanted = 'comma'
    } else return MALFORMED
  }
  return undefined
}

/** What may come next; `first`: a value, a name, or the end of what has just been opened. */
type Wanted = 'value' | 'name' | 'colon' | 'comma' | 'first'

/** In place of an end. */
const MALFORMED = -1

/** Letters, digits, signs and points: `true`, `null`, `-1.5e3`. */
function isLiteral(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || LITERAL_SIGNS.has(byte)
}

const LITERAL_SIGNS: ReadonlySet<number> = new Set([...'+-.E'].map((sign) => sign.charCodeAt(0)))

function nameOf(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.toString('utf8', start + 1, end - 1)
  if (!text.includes('\\')) return text
  try {
    return String(JSON.parse(bytes.toString('utf8', start, end)))
  } catch {
    return undefined
  }
}
