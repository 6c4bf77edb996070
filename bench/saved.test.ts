import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { COST } from './cost/bench.ts'
import { type Bench, DOCUMENT, type Options, pageOf, present, SAVED } from './lib/bench.ts'
import { readSection } from './lib/report.ts'
import { POOL } from './pool/bench.ts'
import { QUEUE } from './queue/bench.ts'

function savedAsGenerated<O extends Options, R>(bench: Bench<O, R>): void {
  it(`docs show the saved results of ${bench.name} as --redraw --save writes them`, () => {
    const results = JSON.parse(readFileSync(join(SAVED, `${bench.name}.json`), 'utf8'))
    const { plots, section, page } = present(bench, results)
    expect(readSection(readFileSync(DOCUMENT, 'utf8'), bench.name)).toBe(section.trim())
    expect(readFileSync(join(SAVED, pageOf(bench.name)), 'utf8')).toBe(page)
    for (const { name, svg } of plots)
      expect(readFileSync(join(SAVED, name), 'utf8') === svg, name).toBe(true)
  })
}

savedAsGenerated(COST)
savedAsGenerated(POOL)
savedAsGenerated(QUEUE)
