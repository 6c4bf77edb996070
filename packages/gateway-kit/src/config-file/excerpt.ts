import { endOf, type Token } from './tokens.ts'

/** What stands for a value that may be secret. */
export const MASK = '***'
/** Most characters of a line that are shown. */
const WIDTH = 100
/** Characters before the caret that stay when a line is cut. */
const BEFORE = 60

/** The tokens that may be shown, by their offset, and their text. All others may contain a secret. */
export type Visible = ReadonlyMap<number, string>

/** A place in a text: both count from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/**
 * Shows a line of a YAML text with a caret below a place, as compilers do.
 *
 * @param offset The offset of the place in the text.
 */
export function excerptOf(
  text: string,
  tokens: readonly Token[],
  offset: number,
  { visible, line }: { readonly visible: Visible; readonly line: number },
): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', start)
  const shown = showLine(tokens, { start, end: end === -1 ? text.length : end, offset, visible })
  const { words, caret } = cut(shown)
  const number = String(line)
  return `  ${number} | ${words}\n  ${' '.repeat(number.length)} | ${' '.repeat(caret)}^`
}

interface Line {
  readonly start: number
  readonly end: number
  readonly offset: number
  readonly visible: Visible
}

interface ShownLine {
  readonly words: string
  /** Characters before the caret. */
  readonly caret: number
}

function showLine(tokens: readonly Token[], { start, end, offset, visible }: Line): ShownLine {
  let words = ''
  let caret: number | undefined
  for (const token of tokens) {
    if (endOf(token) <= start || token.offset >= end) continue
    // A line end belongs to no line, and a comment may have an old secret in it.
    if (token.type === 'newline' || token.type === 'comment') continue
    if (offset < endOf(token)) caret ??= words.length + withinOf(token, offset)
    words += visible.get(token.offset) ?? (isPlain(token) ? token.source : MASK)
  }
  words = clean(words)
  return { words: words.trimEnd(), caret: Math.min(caret ?? words.trimEnd().length, words.length) }
}

/** Within white space, the caret is below the place; within a value, below its start. */
function withinOf({ type, offset: start }: Token, offset: number): number {
  return type === 'space' ? Math.max(0, offset - start) : 0
}

/** Tokens without text of their own. */
const PLAIN =
  /^(?:space|comma|map-value-ind|seq-item-ind|explicit-key-ind|flow-(?:map|seq)-(?:start|end)|doc-(?:start|end))$/
const SIGNS = /^[\]}[{,:?-]$/

function isPlain({ type, source }: Token): boolean {
  return PLAIN.test(type) || (type === 'error' && SIGNS.test(source)) || source === '$'
}

/** Without control characters, which a terminal may obey; each has the width of one character. */
function clean(words: string): string {
  return words.replaceAll(/\p{Cc}/gu, (character) => (character === '\t' ? '→' : '?'))
}

function cut({ words, caret }: ShownLine): ShownLine {
  if (words.length <= WIDTH) return { words, caret }
  const from = Math.max(0, Math.min(caret - BEFORE, words.length - WIDTH))
  const head = from === 0 ? '' : '…'
  const tail = from + WIDTH < words.length ? '…' : ''
  return {
    words: `${head}${words.slice(from, from + WIDTH)}${tail}`,
    caret: caret - from + head.length,
  }
}
