import { createHash, type Hash } from 'node:crypto'

/** 22 characters that stand for a list of texts of any size. No text as large as the list is made. */
export function digestOfAll(texts: Iterable<string>): string {
  const hash = createHash('sha256')
  for (const text of texts) addText(hash, text)
  return ending(hash)
}

/** 22 characters that stand for a JSON value of any size and depth. */
export function digestOf(value: unknown): string {
  const hash = createHash('sha256')
  // A middleware may have built the value, with circles in it. What comes again counts as its place.
  const seen = new Map<unknown, number>()
  const left: unknown[] = [value]
  while (left.length > 0) {
    const next = left.pop()
    const place = isLarge(next) ? seen.get(next) : undefined
    if (place !== undefined) {
      addText(hash, `again:${place}`)
      continue
    }
    if (isLarge(next)) seen.set(next, seen.size)
    if (typeof next !== 'object' || next === null) {
      addText(hash, `${typeof next}:${String(next)}`)
      continue
    }
    const members: readonly unknown[] = Array.isArray(next) ? next : Object.entries(next).flat()
    addText(hash, `${Array.isArray(next) ? 'array' : 'object'}:${members.length}`)
    for (let index = members.length - 1; index >= 0; index--) left.push(members[index])
  }
  return ending(hash)
}

/** Whether it is worth a place: an object, or a text that would take long to read again. */
function isLarge(value: unknown): boolean {
  return typeof value === 'string' ? value.length > 64 : typeof value === 'object' && value !== null
}

/** With its length, so that no two lists have the same bytes. */
function addText(hash: Hash, text: string): void {
  hash.update(`${text.length}:`).update(text, 'utf16le')
}

function ending(hash: Hash): string {
  return hash.digest('base64url').slice(0, 22)
}
