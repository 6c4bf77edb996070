import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'

interface QueueResults {
  readonly rows: readonly { readonly name: string; readonly label: string }[]
  readonly cells: readonly { readonly row: string; readonly contender: string; readonly lost: number }[]
}

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const { rows, cells }: QueueResults = JSON.parse(
  readFileSync(join(ROOT, 'docs/benchmarks/queue.json'), 'utf8'),
)

/** The jobs that each contender lost, as the README writes them. */
const lost = (label: string) => {
  const row = rows.find((it) => it.label === label)?.name
  return ['router', 'immich'].map((contender) =>
    cells.find((cell) => cell.row === row && cell.contender === contender)?.lost.toLocaleString('en'),
  )
}

it('the README has the lost jobs as they were measured', () => {
  const table = [...readme.matchAll(/^\| (GPU|both) (.+?) \| ([\d,]+) \| ([\d,]+) \|$/gm)]
  expect(table).toHaveLength(6)
  for (const [, who, fault = '', router, immich] of table) {
    // One row has several statuses with equal figures.
    const statuses = fault.match(/\d{3}(?=,| or|$)/g)
    const labels =
      statuses === null || statuses.length === 1
        ? [`${who} ${fault}`]
        : statuses.map((status) => `${who} answers ${status}`)
    for (const label of labels) expect([label, ...lost(label)]).toEqual([label, router, immich])
  }
  expect(readme).toContain(`| gateway restarts | ${lost('gateway restarts')[0]} in flight`)
})
