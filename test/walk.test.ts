import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'
import type { WalkedFunction } from './support/walk.ts'

/** The goal is 45 functions in 30 files (docs/roadmap.md). */
const MOST_FUNCTIONS = 156
const MOST_FILES = 54

const DOCUMENT = `${ROOT}/docs/architecture.md`
const ROW = /^\| \d+ \| `(?<file>[^`]+)` \| (?<functions>[^|]*) \| (?<adds>[^|]*) \|$/
const HEAD = '| step | file | functions | what it adds |\n|---|---|---|---|\n'

/** The rows of the table by file: the functions that run, and what the file adds. */
function readTable(text: string): Map<string, { readonly functions: string; readonly adds: string }> {
  const table = new Map<string, { readonly functions: string; readonly adds: string }>()
  for (const line of text.split('\n')) {
    const { file, functions = '', adds = '' } = ROW.exec(line)?.groups ?? {}
    if (file !== undefined) table.set(file, { functions: functions.trim(), adds: adds.trim() })
  }
  return table
}

it('one text search runs through the functions of the table in docs/architecture.md', async () => {
  const program = `${ROOT}/test/support/walk.ts`
  const { stdout } = await promisify(execFile)(process.execPath, [program], { cwd: ROOT })
  const walked: WalkedFunction[] = JSON.parse(stdout)
  const files = Map.groupBy(walked, ({ file }) => file)
  const expected = new Map(
    [...files].map(([file, functions]) => [
      file,
      functions
        .map(({ name }) => `\`${name}\``)
        .sort()
        .join(', '),
    ]),
  )
  const text = readFileSync(DOCUMENT, 'utf8')
  const table = readTable(text)
  if (process.env['UPDATE_WALK'] !== undefined) {
    // Rows keep their order; new files follow, to be described by hand.
    const kept = [...table.keys()].filter((file) => expected.has(file))
    const rows = [...new Set([...kept, ...expected.keys()])].map(
      (file, i) => `| ${i + 1} | \`${file}\` | ${expected.get(file)} | ${table.get(file)?.adds ?? ''} |\n`,
    )
    const [before = '', rest = ''] = text.split(HEAD)
    const after = rest.slice(rest.search(/^(?!\|)/m))
    writeFileSync(DOCUMENT, `${before}${HEAD}${rows.join('')}${after}`)
    return
  }
  const documented = new Map([...table].map(([file, { functions }]) => [file, functions]))
  expect(Object.fromEntries(documented), 'UPDATE_WALK=1 rewrites the table').toEqual(
    Object.fromEntries(expected),
  )
  expect([...table].filter(([, { adds }]) => adds === '').map(([file]) => file)).toEqual([])
  expect(walked.length).toBeLessThanOrEqual(MOST_FUNCTIONS)
  expect(expected.size).toBeLessThanOrEqual(MOST_FILES)
})
