import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { COST } from './cost/bench.ts'
import { type Bench, DOCUMENT, type Options, present, SAVED } from './lib/bench.ts'
import { asDocument, readSection } from './lib/report.ts'
import { POOL } from './pool/bench.ts'
import { QUEUE } from './queue/bench.ts'

function itIsSavedAsItIs<O extends Options, R>(bench: Bench<O, R>): void {
  it(`docs/benchmarks.md shows the saved results of ${bench.name} as --redraw --save writes them`, () => {
    const results = JSON.parse(readFileSync(join(SAVED, `${bench.name}.json`), 'utf8'))
    const { report, plots } = present(bench, results)
    expect(readSection(readFileSync(DOCUMENT, 'utf8'), bench.name)).toBe(asDocument(report, plots).trim())
    for (const { name, svg } of plots)
      expect(readFileSync(join(SAVED, name), 'utf8') === svg, name).toBe(true)
  })
}

itIsSavedAsItIs(COST)
itIsSavedAsItIs(POOL)
itIsSavedAsItIs(QUEUE)
