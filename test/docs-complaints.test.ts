import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'

const document = readFileSync(join(ROOT, 'docs/complaints.md'), 'utf8')
const rows = document.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| complaint'))

it('each complaint has a test', () => {
  expect(rows.length).toBeGreaterThan(7)
  for (const row of rows) expect(row).toMatch(/\]\(\.\.\/test\/[\w-]+\.test\.ts\) \|$/)
})

it('the tests name the issues that they replay', () => {
  for (const row of rows) {
    const issues = [...row.matchAll(/immich\/issues\/(\d+)/g)].map(([, issue = '']) => issue)
    const tests = [...row.matchAll(/\.\.\/(test\/[\w-]+\.test\.ts)/g)].map(([, path = '']) =>
      readFileSync(join(ROOT, path), 'utf8'),
    )
    const text = tests.join('\n')
    expect(issues.filter((issue) => !text.includes(issue))).toEqual([])
  }
})
