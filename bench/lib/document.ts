import { readFileSync, writeFileSync } from 'node:fs'

/** The part of a document between `<!-- name -->` and `<!-- /name -->`, which a bench writes. */
export function readSection(text: string, name: string): string {
  return split(text, name)[1]
}

export function replaceSection(text: string, name: string, content: string): string {
  const [before, , behind] = split(text, name)
  return `${before}\n${content.trim()}\n${behind}`
}

export function writeSection(file: string, name: string, content: string): void {
  writeFileSync(file, replaceSection(readFileSync(file, 'utf8'), name, content))
}

function split(text: string, name: string): [before: string, section: string, behind: string] {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`the document has no ${begin} … ${end}`)
  const inside = from + begin.length
  return [text.slice(0, inside), text.slice(inside, to).trim(), text.slice(to)]
}
