/** The value of a header such as `Content-Type: multipart/form-data; boundary=b`. */
export interface HeaderValue {
  /** The text before the first parameter. */
  readonly value: string
  /** By name; the last of a name counts. A parameter without `=` has the value `''`. */
  readonly parameters: ReadonlyMap<string, string>
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SEMICOLON = 0x3b

/**
 * Parses a header value in one pass, as python-multipart's `parse_options_header` does: an unquoted `;` separates parameters,
 * names become lower case, and `name*=` is ignored (RFC 7578 section 4.2).
 *
 * @param text The value, one character per byte.
 * @returns `undefined` if it has more than `mostParameters`.
 */
export function parseHeaderValue(text: string, mostParameters: number): HeaderValue | undefined {
  const segments = splitAtSemicolons(text, mostParameters + 1)
  if (segments === undefined) return undefined
  const [value = '', ...rest] = segments
  const parameters = new Map<string, string>()
  for (const segment of rest) {
    const equals = segment.indexOf('=')
    const name = equals === -1 ? trim(segment) : trim(segment.slice(0, equals)).toLowerCase()
    if (name.includes('*')) continue
    parameters.set(name, equals === -1 ? '' : unquote(trim(segment.slice(equals + 1))))
  }
  return { value: trim(value), parameters }
}

function splitAtSemicolons(text: string, most: number): string[] | undefined {
  const segments: string[] = []
  let start = 0
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE && text.charCodeAt(at - 1) !== BACKSLASH) isQuoted = !isQuoted
    if (code !== SEMICOLON || isQuoted) continue
    segments.push(text.slice(start, at))
    if (segments.length === most) return undefined
    start = at + 1
  }
  segments.push(text.slice(start))
  return segments
}

function unquote(text: string): string {
  const isQuoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"')
  return isQuoted ? text.slice(1, -1).replaceAll('\\\\', '\\').replaceAll('\\"', '"') : text
}

/** Trims by index: a regular expression anchored at the end takes quadratic time. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isPythonSpace(text.charCodeAt(start))) start++
  while (end > start && isPythonSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** The characters below 256 that Python's `str.strip()` removes. */
function isPythonSpace(code: number): boolean {
  return (code >= 9 && code <= 13) || (code >= 28 && code <= 32) || code === 0x85 || code === 0xa0
}
