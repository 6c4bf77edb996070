import { MASK, type Visible } from './excerpt.ts'
import { isKey, isText, type Token } from './tokens.ts'

const NAME = /^(["']?)\$?[\w.-]{1,64}\1$/
/** Keys behind which a line may be secret, and the keys that may still be shown there. */
const SECRET = new Set([
  'auth',
  'basic',
  'bearer',
  'ca',
  'cert',
  'headers',
  'key',
  'password',
  'tls',
  'username',
])

/**
 * The tokens of an invalid YAML text that may be shown: its keys and the names of variables. Without a valid structure, every
 * value may be secret.
 */
export function visibleIn(tokens: readonly Token[]): Visible {
  const visible = new Map<number, string>()
  let isSecret = false
  /** Whether the last token can be in front of a key. */
  let startsKey = true
  for (const [index, token] of tokens.entries()) {
    const { type, offset, source } = token
    if (type === 'newline') [isSecret, startsKey] = [false, true]
    else if (/^(?:flow-map-start|comma|seq-item-ind)$/.test(type) || /^[{,]$/.test(source)) startsKey = true
    else if (type !== 'space') {
      const name = bare(source)
      const isName = startsKey && isKey(tokens, index) && NAME.test(source)
      if (isName && (!isSecret || SECRET.has(name))) visible.set(offset, source)
      if (isName && SECRET.has(name)) isSecret = true
      startsKey = false
    }
    const variable = referenceIn(tokens, index)
    if (variable !== undefined) visible.set(offset, variable)
  }
  return visible
}

/** A key without its quotes. */
export function bare(source: string): string {
  return source.replace(/^(["'])(.*)\1$/s, '$2')
}

const IN_BRACES = /^([A-Za-z_]\w*)(:-.*)?$/s
const REFERENCE = /^(["']?)\$\{([A-Za-z_]\w*)(:-[^}]*)?\}\1$/s

/** The name of a variable, without its default. */
function referenceIn(tokens: readonly Token[], index: number): string | undefined {
  const token = tokens[index]
  if (token === undefined || !isText(token)) return undefined
  const [, quote, name, otherwise] = REFERENCE.exec(token.source) ?? []
  if (name !== undefined) return `${quote}\${${name}${otherwise === undefined ? '' : `:-${MASK}`}}${quote}`
  if (!isReferenceStart(tokens, index - 2) || tokens[index + 1]?.source !== '}') return undefined
  const [, own, rest] = IN_BRACES.exec(token.source) ?? []
  return own && `${own}${rest === undefined ? '' : `:-${MASK}`}`
}

/** Whether a text that ends in `$` has a `{` right behind it, which YAML reads as an object. */
export function isReferenceStart(tokens: readonly Token[], index: number): boolean {
  const [dollar, brace] = [tokens[index], tokens[index + 1]]
  return dollar !== undefined && isText(dollar) && dollar.source.endsWith('$') && brace?.source === '{'
}
