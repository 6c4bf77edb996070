import { formatPath, optionKind } from '@immich-ml-router/core/parts'
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
} from 'yaml'
import { MASK, type Visible } from './excerpt.ts'
import { withoutCredentials } from './without-credentials.ts'

/** The offsets of a member. An item of a list has no key. */
interface Position {
  readonly key: number | undefined
  /** The place of a mistake in it. */
  readonly at: number
  /** Whether it is a text without a colon in braces: often the rest of a value with a comma in it. */
  readonly isBare: boolean
}

/** Where the options are in a YAML document, and which of its keys and values may be shown. */
export class Positions {
  readonly #text: string
  readonly #document: Document
  readonly #followAliases: boolean
  readonly #positions = new Map<string, Position>()
  readonly #pathOfKey = new Map<number, string>()
  readonly #visible = new Map<number, string>()
  /** Values that are secret at one of their paths. An alias gives them several. */
  readonly #hidden = new Set<number>()
  readonly #ancestors = new Set<Node>()

  /** @param followAliases Not for a document that may have aliases of aliases without end. */
  constructor(text: string, document: Document, followAliases: boolean) {
    this.#text = text
    this.#document = document
    this.#followAliases = followAliases
    if (isNode(document.contents)) this.#visit(document.contents, [])
    for (const offset of this.#hidden) this.#visible.delete(offset)
  }

  /** The tokens that may be shown. */
  get visible(): Visible {
    return this.#visible
  }

  /** The offset of an option such as `routes[0].match`, or of the one that should contain it. */
  offsetOf(path: string): number {
    const found = this.#positions.get(path)
    if (found !== undefined) return found.at
    for (let parent = parentOf(path); parent !== undefined; parent = parentOf(parent)) {
      const position = this.#positions.get(parent)
      if (position !== undefined) return position.key ?? position.at
    }
    return startOf(this.#document.contents) ?? 0
  }

  /** The path of the option that contains another. */
  parentOf(path: string): string {
    return parentOf(path) ?? ''
  }

  /** Whether an option is a text without a colon in braces, which may be the rest of a secret. */
  isBare(path: string): boolean {
    return this.#positions.get(path)?.isBare === true
  }

  /** The path of the option whose key is at an offset, even if it is set twice. */
  pathAt(offset: number): string | undefined {
    return this.#pathOfKey.get(offset)
  }

  /** The offset of the key of an option, the first if it is set twice. */
  keyOf(path: string): number | undefined {
    return this.#positions.get(path)?.key
  }

  #visit(node: Node, path: readonly PropertyKey[]): void {
    const target = isAlias(node) && this.#followAliases ? node.resolve(this.#document) : node
    if (isScalar(node) || isAlias(node)) this.#show(node, path)
    if (isScalar(target) && target !== node) this.#show(target, path)
    // An alias can refer to its own parent.
    if (!isCollection(target) || this.#ancestors.has(target)) return
    this.#ancestors.add(target)
    if (isSeq(target)) {
      for (const [index, item] of target.items.entries())
        if (isNode(item)) this.#member(undefined, item, [...path, index])
    } else if (isMap(target)) {
      for (const { key, value } of target.items)
        if (isScalar(key)) this.#member(key, isNode(value) ? value : undefined, [...path, String(key.value)])
    }
    this.#ancestors.delete(target)
  }

  #member(key: Scalar | undefined, node: Node | undefined, path: readonly PropertyKey[]): void {
    const [keyAt, value] = [startOf(key), startOf(node)]
    const kind = optionKind(path)
    if (key !== undefined && keyAt !== undefined && node !== undefined)
      this.#visible.set(keyAt, oneLine(this.#source(key)))
    const isAtValue = kind !== 'unknown' && isScalar(node) && !isEmpty(node)
    const at = (isAtValue ? value : keyAt) ?? keyAt ?? value ?? 0
    const name = formatPath(path)
    if (keyAt !== undefined) this.#pathOfKey.set(keyAt, name)
    // An alias gives the members of its target a second path.
    if (!this.#positions.has(name)) this.#positions.set(name, { key: keyAt, at, isBare: node === undefined })
    if (node !== undefined) this.#visit(node, path)
  }

  #show(node: Node, path: readonly PropertyKey[]): void {
    const start = startOf(node)
    if (start === undefined) return
    if (optionKind(path) === 'plain')
      this.#visible.set(start, withoutCredentials(oneLine(this.#source(node)), path))
    else this.#hidden.add(start)
  }

  /** A node as it is written. */
  #source({ range }: Node): string {
    const [start = 0, end = 0] = range ?? []
    return this.#text.slice(start, end)
  }
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function isEmpty(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && node.value === null)
}

/** The path of the option that contains another. */
function parentOf(path: string): string | undefined {
  const parent = path.replace(/(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\]|(?:^|\.)[\w$-]+)$/, '')
  return parent === path || parent === '' ? undefined : parent
}

function oneLine(source: string): string {
  return source.includes('\n') ? MASK : source
}
