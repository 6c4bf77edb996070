// Prints the release notes of a version: `node scripts/release-notes.ts 1.2.3`. The packages have one version, so a
// change of several packages is in the changelog of each; the notes list it once, under its most important heading.
import { globSync, readFileSync } from 'node:fs'

const ORDER = ['### Major Changes', '### Minor Changes', '### Patch Changes']
const EMPTY = /^(- Updated dependencies|No changes in this release)/

/**
 * Merges the entries of a version.
 *
 * @param version - such as `1.2.3`
 * @param changelogs - the texts of the changelogs of the workspace and its packages
 * @throws Error if no changelog has the version.
 */
export function releaseNotes(version: string, changelogs: readonly string[]): string {
  const sections = changelogs.flatMap((text) => sectionsOf(entryOf(version, text)))
  const listed = new Set<string>()
  const notes: string[] = []
  for (const heading of new Set([...ORDER, ...sections.map((section) => section.heading)])) {
    const blocks = sections
      .filter((section) => section.heading === heading)
      .flatMap((section) => section.blocks)
    const added = blocks.filter((block) => !EMPTY.test(block) && !listed.has(block))
    for (const block of added) listed.add(block)
    if (added.length > 0) notes.push([heading, [...new Set(added)].join('\n')].filter(Boolean).join('\n\n'))
  }
  if (notes.length === 0)
    throw new Error(`No CHANGELOG.md has the section "## ${version}". Add it, or check the version.`)
  return `${notes.join('\n\n')}\n`
}

/** The text below the heading of a version. */
function entryOf(version: string, changelog: string): string {
  const [, ...entries] = changelog.split(/^## /m)
  const entry = entries.find((text) => text.split('\n', 1)[0] === version) ?? ''
  return entry.slice(entry.indexOf('\n') + 1)
}

/** A heading, or none, with its paragraphs and list items. */
function sectionsOf(entry: string): { heading: string; blocks: string[] }[] {
  return entry.split(/^(?=### )/m).map((text) => {
    const [heading = ''] = /^### .+/.exec(text) ?? []
    const blocks = text.slice(heading.length).split(/\n(?=- )|\n\n(?=\S)/)
    return { heading, blocks: blocks.map((block) => block.trim()).filter((block) => block !== '') }
  })
}

if (import.meta.main) {
  const [version = ''] = process.argv.slice(2)
  const files = ['CHANGELOG.md', ...globSync('packages/*/CHANGELOG.md').sort()]
  process.stdout.write(
    releaseNotes(
      version,
      files.map((file) => readFileSync(file, 'utf8')),
    ),
  )
}
