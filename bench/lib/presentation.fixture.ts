import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Bench, DOCUMENT, type Options, present, SAVED } from './bench.ts'
import { asDocument, asTerminal, readSection } from './report.ts'

export const MACHINE = {
  ...{ date: '2026-01-01', commit: 'abc', cpu: 'a CPU', cores: 2, memoryGiB: 8, system: 'Linux 6', load: 0 },
  versions: { node: '24', nginx: '1.22' },
}

/** The report of made-up results, for the terminal, and the names of its plots. */
export function presented<O extends Options, R>(bench: Bench<O, R>, results: R) {
  const { report, plots } = present(bench, { machine: MACHINE, ...results })
  return { text: asTerminal(report), plots: plots.map(({ name }) => name) }
}

/** Tests that a changed report is also the one in the docs. */
export function itIsSavedAsItIs<O extends Options, R>(bench: Bench<O, R>): void {
  it('docs/benchmarks.md shows the results that are saved beside it, as --redraw --save writes them', () => {
    const { report, plots } = present(
      bench,
      JSON.parse(readFileSync(join(SAVED, `${bench.name}.json`), 'utf8')),
    )
    expect(readSection(readFileSync(DOCUMENT, 'utf8'), bench.name)).toBe(asDocument(report, plots).trim())
    for (const { name, svg } of plots)
      expect(readFileSync(join(SAVED, name), 'utf8') === svg, name).toBe(true)
  })
}
