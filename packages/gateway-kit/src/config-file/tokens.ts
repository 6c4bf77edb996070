import { Parser } from 'yaml'

/** A piece of a YAML text, as its parser splits it. */
export interface Token {
  readonly type: string
  readonly offset: number
  readonly source: string
}

/** Splits a YAML text, valid or not, into its tokens, in order. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  for (const node of new Parser().parse(text)) collect(node, tokens)
  return tokens.sort((a, b) => a.offset - b.offset)
}

function collect(node: unknown, into: Token[]): void {
  if (Array.isArray(node)) {
    for (const item of node) collect(item, into)
  } else if (typeof node === 'object' && node !== null) {
    if (isToken(node) && node.source !== '') into.push({ ...node, offset: offsetOf(node) })
    for (const member of Object.values(node)) collect(member, into)
  }
}

function isToken(node: object): node is Token {
  return 'source' in node && typeof node.source === 'string' && 'offset' in node && 'type' in node
}

/** The parser gives a block scalar the offset of its header. */
function offsetOf(token: Token): number {
  const props: unknown = token.type === 'block-scalar' ? Reflect.get(token, 'props') : undefined
  const last: unknown = Array.isArray(props) ? props.at(-1) : undefined
  return typeof last === 'object' && last !== null && isToken(last) ? endOf(last) : token.offset
}

export function endOf({ offset, source }: Token): number {
  return offset + source.length
}

/** Whether it is a plain or quoted text, perhaps at a place where none can be. */
export function isText({ type }: Token): boolean {
  return type.endsWith('scalar') ? type !== 'block-scalar' : type === 'error'
}

/** Whether a colon follows, so that the token is a key. */
export function isKey(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index]
  if (token === undefined || !isText(token)) return false
  let next = index + 1
  while (tokens[next]?.type === 'space') next++
  return tokens[next]?.source === ':'
}
