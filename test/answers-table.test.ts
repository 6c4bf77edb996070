import { readFileSync } from 'node:fs'
import { judge, type Verdict } from '@immich-ml-router/core/parts'
import { GOOD_ANSWER } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'

/** What each row of the table says, by the beginning of its second cell, and the third. */
const document = readFileSync(new URL('../docs/answers.md', import.meta.url), 'utf8')
const [, table = ''] = document.split('<!-- table: verdicts -->')
const rows = table
  .split('\n')
  .slice(3)
  .filter((line) => line.startsWith('| '))
  .slice(0, 11)
  .map((line) => line.split('|').map((cell) => cell.trim()))

const JSON_HEADERS = { 'content-type': 'application/json' }
const DETAIL = '{"detail":"Invalid request format."}'

function verdictOn(status: number, body: string, headers: Readonly<Record<string, string>> = {}): string {
  return text(
    judge(
      { status, headers, body: Buffer.from(body), complete: true },
      { backend: 'gpu', tasks: ['clip'], names: () => [], written: () => '' },
    ),
  )
}

function text(verdict: Verdict): string {
  if (verdict.kind === 'fault') return `fault ${verdict.scope}`
  return verdict.kind === 'undecided' ? `undecided ${verdict.otherwise}` : verdict.kind
}

/** The statuses in a cell, without examples such as those of a header. */
const statusesIn = (cell = '') => [...cell.matchAll(/\b[2-5]\d\d\b/g)].map(([status]) => Number(status))

describe('the table of verdicts in docs/answers.md', () => {
  it.each<[string, (status: number) => string, string]>([
    ['2xx with JSON', () => verdictOn(200, GOOD_ANSWER, JSON_HEADERS), 'good'],
    ['200, 204', (status) => verdictOn(status, status === 204 ? '' : '<html>'), 'fault backend'],
    ['200 with JSON without', (status) => verdictOn(status, '{}', JSON_HEADERS), 'fault type'],
    ['401', (status) => verdictOn(status, ''), 'fault backend'],
    ['502, 503, 504', (status) => verdictOn(status, ''), 'fault type'],
    ['500', (status) => verdictOn(status, 'Internal Server Error'), 'undecided fault'],
    ['400, 413, 415, 422 with', (status) => verdictOn(status, DETAIL), 'undecided lacks'],
    ['400, 415, 422 without', (status) => verdictOn(status, ''), 'fault backend'],
    ['413 without', (status) => verdictOn(status, ''), 'too-large'],
    ['501;', (status) => verdictOn(status, status === 501 ? '' : '{"detail":"unknown task"}'), 'lacks'],
    ['429;', (status) => verdictOn(status, '', { 'retry-after': '5' }), 'busy'],
  ])('%s is true of every status in it', (start, judged, verdict) => {
    const row = rows.filter(([, cell = '']) => cell.startsWith(start))
    expect(row).toHaveLength(1)
    const statuses = statusesIn(row[0]?.[1])
    for (const status of statuses.length > 0 ? statuses : [200])
      expect([status, judged(status)]).toEqual([status, verdict])
  })

  it('names every status that is judged in a way of its own', () => {
    const named = new Set(rows.flatMap(([, cell]) => statusesIn(cell)))
    const plain = verdictOn(599, '')
    for (let status = 400; status < 600; status++)
      if (verdictOn(status, DETAIL) !== plain || verdictOn(status, '') !== plain)
        expect([...named]).toContain(status)
    expect(rows).toHaveLength(11)
  })
})
