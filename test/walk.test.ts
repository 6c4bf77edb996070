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
const SNAPSHOT = `${ROOT}/test/walk.txt`
const ROW = /^\| \d+ \| (?<files>`[^|]+`) \| [^|]+ \|$/gm

/** The files in the table of docs/architecture.md. */
function documentedFiles(text: string): string[] {
  return [...text.matchAll(ROW)].flatMap(({ groups }) =>
    [...(groups?.['files'] ?? '').matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
  )
}

/** One line for each file, with its functions. */
function snapshotOf(walked: readonly WalkedFunction[]): string {
  const lines = [...Map.groupBy(walked, ({ file }) => file)].map(
    ([file, functions]) =>
      `${file}: ${functions
        .map(({ name }) => name)
        .sort()
        .join(', ')}\n`,
  )
  return lines.sort().join('')
}

it('one text search runs through the functions of walk.txt and the files of docs/architecture.md', async () => {
  const program = `${ROOT}/test/support/walk.ts`
  const { stdout } = await promisify(execFile)(process.execPath, [program], { cwd: ROOT })
  const walked: WalkedFunction[] = JSON.parse(stdout)
  const snapshot = snapshotOf(walked)
  if (process.env['UPDATE_WALK'] !== undefined) writeFileSync(SNAPSHOT, snapshot)
  expect(snapshot, 'UPDATE_WALK=1 rewrites walk.txt').toBe(readFileSync(SNAPSHOT, 'utf8'))
  const files = [...new Set(walked.map(({ file }) => file))].sort()
  expect(documentedFiles(readFileSync(DOCUMENT, 'utf8')).sort(), 'add or remove files by hand').toEqual(files)
  expect(walked.length).toBeLessThanOrEqual(MOST_FUNCTIONS)
  expect(files.length).toBeLessThanOrEqual(MOST_FILES)
})
