import { globSync, readFileSync } from 'node:fs'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The sorted paths of files and directories, with `/` on Windows too. */
export function paths(pattern: string | string[], cwd = ROOT): string[] {
  const found = globSync(pattern, { cwd, exclude: ['**/node_modules'] })
  return found.map((path) => path.replaceAll(sep, '/')).sort()
}

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

/** The code of the `@example` in the doc comment at the top of a file of core. */
export function moduleExampleOf(file: string): string {
  const text = readFileSync(new URL(`packages/core/src/${file}`, `file://${ROOT}`), 'utf8')
  const code = codeOf(text.slice(0, text.indexOf('*/')))
  if (code === undefined) throw new Error(`${file} has no @example`)
  return code
}

/** The cells of the table rows under a heading that begin with code. */
export function rowsUnder(heading: string, document: string): string[][] {
  const text = readFileSync(new URL(document, `file://${ROOT}`), 'utf8')
  const [, after = ''] = text.split(new RegExp(`^#+ ${heading}$`, 'm'))
  const [section = ''] = after.split(/^#+ /m)
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', '')),
    )
}

/** The code of the `@example` in the doc comment of an export of core. */
export function sourceExampleOf(name: string): string {
  for (const file of globSync('packages/core/src/**/*.ts', { cwd: ROOT })) {
    const text = readFileSync(new URL(file, `file://${ROOT}`), 'utf8')
    const [before = '', after] = text.split(
      new RegExp(`^export (?:async )?(?:function|class|const) ${name}\\b`, 'm'),
    )
    if (after === undefined) continue
    const comment = before.slice(before.lastIndexOf('/**'))
    const code = codeOf(comment)
    if (code === undefined) throw new Error(`${name} in ${file} has no @example`)
    return code
  }
  throw new Error(`core has no ${name}`)
}

function codeOf(comment: string): string | undefined {
  const [, block] = /@example\n \* ```ts\n([\s\S]*?) \* ```/.exec(comment) ?? []
  return block?.replaceAll(/^ \* ?/gm, '')
}
