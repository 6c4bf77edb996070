import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The code block of a document that stands behind `<!-- example: name -->`. */
export function exampleOf(document: string, name: string): string {
  const text = readFileSync(new URL(document, `file://${ROOT}`), 'utf8')
  const [, behind] = text.split(`<!-- example: ${name} -->\n`)
  const block = /^```\w+\n([\s\S]*?)\n```/.exec(behind ?? '')?.[1]
  if (block === undefined) throw new Error(`${document} has no example "${name}"`)
  return `${block}\n`
}
