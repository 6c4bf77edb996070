import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The code block after `<!-- example: name -->` in a document. */
export function exampleOf(document: string, name: string): string {
  const text = readFileSync(new URL(document, `file://${ROOT}`), 'utf8')
  const [, after] = text.split(`<!-- example: ${name} -->\n`)
  // In a list, the block and its fence have the same indentation.
  const match = /^( *)```\w+\n([\s\S]*?)\n *```/.exec(after ?? '')
  if (match === null) throw new Error(`${document} has no example "${name}"`)
  const [, indent = '', block = ''] = match
  return `${block.replaceAll(new RegExp(`^${indent}`, 'gm'), '')}\n`
}
