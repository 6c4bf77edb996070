import { optionKind } from '@immich-ml-router/core/parts'
import { type Document, isNode, isScalar, visit, type YAMLError } from 'yaml'
import type { Visible } from './excerpt.ts'
import type { Positions } from './positions.ts'
import { bare, isReferenceStart } from './syntax-visible.ts'
import { endOf, isKey, type Token } from './tokens.ts'

/** A mistake at a place of the text. Its words contain no value of the text. */
export interface SyntaxMistake {
  readonly offset: number
  readonly words: string
}

interface Broken {
  readonly text: string
  readonly tokens: readonly Token[]
  readonly visible: Visible
}

/** Whether its only mistakes are keys that are set twice, so that its structure is known. */
export function hasOnlyDuplicates({ errors, warnings }: Document): boolean {
  return errors.length > 0 && warnings.length === 0 && errors.every(({ code }) => code === 'DUPLICATE_KEY')
}

/** Every key that is set twice. */
export function duplicateKeys({ errors }: Document, positions: Positions, text: string): SyntaxMistake[] {
  return errors.map(({ pos: [offset] }) => {
    const path = positions.pathAt(offset) ?? 'a key'
    const line = text.slice(0, positions.keyOf(path) ?? 0).split('\n').length
    return {
      offset,
      words: `${path} is set twice, first in line ${line}; remove one of the two, or rename it`,
    }
  })
}

/**
 * The first mistake in a YAML text, because further ones usually follow from it. The parser's own messages quote the text,
 * which may be secret; these do not.
 */
export function syntaxMistakes(document: Document, broken: Broken): SyntaxMistake[] {
  const errors = [...document.errors, ...document.warnings]
  const [first] = errors.filter(({ code }) => code !== 'DUPLICATE_KEY')
  if (first?.code === 'MULTIPLE_DOCS')
    return [
      {
        offset: first.pos[0],
        words: 'the file has a second document, which starts with ---; remove that line',
      },
    ]
  if (first !== undefined)
    return [nearKey(broken, unquotedReference(broken, first) ?? explain(broken, first, errors))]
  return misreadValues(document).map((mistake) => nearKey(broken, mistake))
}

/** Puts the key in front, by which a person finds the place. */
function nearKey({ tokens, visible, text }: Broken, { offset, words }: SyntaxMistake): SyntaxMistake {
  const written = words === NO_SPACE ? optionAt(text, offset) : undefined
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1
  const lineEnd = `${text}\n`.indexOf('\n', offset)
  const keys = tokens.filter((token, index) => isKey(tokens, index) && visible.has(token.offset))
  const key =
    keys.findLast((it) => it.offset >= lineStart && it.offset <= offset) ??
    keys.find((it) => it.offset >= lineStart && it.offset < lineEnd) ??
    keys.findLast((it) => it.offset <= offset)
  const subject = written ?? (key === undefined ? 'the file' : bare(key.source))
  return { offset, words: `${subject} ${words}` }
}

/** The option that is written at an offset with a colon behind it, but no space. */
function optionAt(text: string, offset: number): string | undefined {
  const name = /^([\w-]+):\S/.exec(text.slice(offset, offset + 100))?.[1]
  if (name === undefined) return undefined
  const paths = [[name], ['backends', '', name], ['routes', 0, name]]
  return paths.some((path) => optionKind(path) !== 'unknown') ? name : undefined
}

/** `${NAME}` without quotes within braces or brackets, unless another mistake is before it. */
function unquotedReference({ tokens, visible }: Broken, { pos: [at] }: YAMLError): SyntaxMistake | undefined {
  const index = tokens.findIndex((_, it) => isReferenceStart(tokens, it))
  const [dollar, , name] = tokens.slice(index)
  if (index === -1 || dollar === undefined || endOf(dollar) > at) return undefined
  const written = `\${${(name && visible.get(name.offset)) ?? '…'}}`
  return {
    offset: dollar.offset,
    words: `has ${written} without quotes, which YAML does not allow within { } and [ ]; write "${written}"`,
  }
}

function explain(broken: Broken, error: YAMLError, errors: readonly YAMLError[]): SyntaxMistake {
  const { text, tokens } = broken
  const [offset] = error.pos
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1
  const indent = /^[ \t]*/.exec(text.slice(lineStart))?.[0] ?? ''
  if (error.code === 'TAB_AS_INDENT' || indent.includes('\t'))
    return {
      offset: lineStart + Math.max(0, indent.indexOf('\t')),
      words: 'is indented with a tab, which YAML does not allow; use spaces',
    }
  const quote = unclosedQuote(tokens)
  if (quote !== undefined)
    return {
      offset: quote.offset,
      words: `has a quote that is not closed; add ${quote.source[0]} at its end`,
    }
  if (/ end with a |^Flow /.test(error.message)) {
    const open = unclosedBracket(tokens, offset)
    if (open !== undefined)
      return {
        offset: open.offset,
        words: `has a ${open.source} that is not closed; add ${CLOSING[open.source]} at its end`,
      }
  }
  const isFolded = errors.some(({ code, pos }) => code === 'MULTILINE_IMPLICIT_KEY' && pos[0] === offset)
  if (error.code === 'BLOCK_AS_IMPLICIT_KEY' && isFolded) return { offset, words: TOO_FAR }
  return { offset: Math.max(offset, lineStart + indent.length), words: wordsOf(error, text) }
}

function wordsOf({ code, pos: [offset], message }: YAMLError, text: string): string {
  const character = text[offset] ?? ''
  if (code === 'UNEXPECTED_TOKEN' && /[\]}]/.test(character))
    return `has a ${character} too many; remove it, or add the bracket that it closes`
  if (code === 'MISSING_CHAR' && message.startsWith('Missing ,')) return 'needs a comma before this'
  if (code === 'MULTILINE_IMPLICIT_KEY' && /^[\w-]+:\S/.test(text.slice(offset))) return NO_SPACE
  return HINTS[code] ?? 'is not valid YAML here; check the quotes, brackets and indentation around it'
}

const INDENTATION = 'is not indented like the lines above; align it with the keys that it belongs to'
const TOO_FAR =
  'has a value that goes on in the next line, which is indented too far; align that line with this one'
const NO_SPACE = 'needs a space after the colon, as in url: http://gpu:3003'
const COLON = 'has a value with a colon and a space in it; put the value in quotes'

/** By the codes of the YAML parser. */
const HINTS: Readonly<Record<string, string>> = {
  BAD_COLLECTION_TYPE: INDENTATION,
  BAD_DQ_ESCAPE: 'has a backslash in double quotes; use single quotes',
  BAD_INDENT: INDENTATION,
  BAD_SCALAR_START: 'has a value that starts with a character that YAML reserves; put the value in quotes',
  BLOCK_AS_IMPLICIT_KEY: COLON,
  BLOCK_IN_FLOW: COLON,
  MISSING_CHAR: INDENTATION,
  MULTILINE_IMPLICIT_KEY: INDENTATION,
  TAG_RESOLVE_FAILED: 'has a value that starts with !, which marks a type in YAML; put the value in quotes',
}

const CLOSING: Readonly<Record<string, string>> = { '{': '}', '[': ']' }

/** The innermost bracket that is open at an offset. */
function unclosedBracket(tokens: readonly Token[], offset: number): Token | undefined {
  const open: Token[] = []
  for (const token of tokens) {
    if (token.offset >= offset) break
    if (token.type === 'flow-map-start' || token.type === 'flow-seq-start') open.push(token)
    if (token.type === 'flow-map-end' || token.type === 'flow-seq-end') open.pop()
  }
  return open.at(-1)
}

function unclosedQuote(tokens: readonly Token[]): Token | undefined {
  return tokens.find(({ type, source }) => {
    if (type === 'double-quoted-scalar') return !/^"(?:[^"\\]|\\.)*"$/s.test(source)
    return type === 'single-quoted-scalar' && !/^'(?:[^']|'')*'$/s.test(source)
  })
}

/** Values that are valid YAML, but cannot be what was meant: aliases without an anchor, and objects or lists as keys. */
export function misreadValues(document: Document): SyntaxMistake[] {
  const mistakes: SyntaxMistake[] = []
  const add = (node: unknown, words: string) => {
    if (isNode(node)) mistakes.push({ offset: node.range?.[0] ?? 0, words })
  }
  visit(document, {
    Alias: (_, node) => {
      if (node.resolve(document) === undefined) add(node, ALIAS)
    },
    Pair: (_, { key }) => {
      if (!isScalar(key)) add(key, COLLECTION_KEY)
    },
  })
  return mistakes
}

const ALIAS = 'has a value that starts with *, which refers to an anchor (&) in YAML; put the value in quotes'
const COLLECTION_KEY =
  'has { } or [ ] where a key is expected; write a key and a colon before it, or put it in quotes'
