import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DOCUMENT, type Presentation, SAVED } from './command.ts'
import { readSection } from './document.ts'
import type { Machine } from './machine.ts'
import { asDocument } from './report.ts'

export const MACHINE: Machine = {
  date: '2026-01-01',
  commit: 'abc',
  cpu: 'a CPU',
  cores: 2,
  memoryGiB: 8,
  system: 'Linux 6',
  versions: { node: '24', nginx: '1.22' },
  load: 0,
}

/** A test that nobody has changed a report, and left the one in the docs as it was. */
export function itIsSavedAsItIs<R>({ name, drawPlots, reportOf }: Presentation<R>): void {
  it('docs/benchmarks.md shows the results that are saved beside it, as --redraw --save writes them', () => {
    const measured: R = JSON.parse(readFileSync(join(SAVED, `${name}.json`), 'utf8'))
    const plots = drawPlots(measured)
    const document = readFileSync(DOCUMENT, 'utf8')
    expect(readSection(document, name)).toBe(asDocument(reportOf(measured), plots).trim())
    for (const { name: plot, svg } of plots) {
      const file = join(SAVED, plot)
      expect(existsSync(file) && readFileSync(file, 'utf8') === svg, plot).toBe(true)
    }
  })
}
