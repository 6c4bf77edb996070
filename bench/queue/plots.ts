import { barPanel } from '../lib/plot/bar-panel.ts'
import { plotFile } from '../lib/plot/plot-file.ts'
import type { PlotFile } from '../lib/report.ts'
import type { Cell, Results } from './results.ts'
import { SHARE } from './targets.ts'

export function drawPlots({ contenders, rows, cells }: Results): PlotFile[] {
  const panel = (value: (cell: Cell) => number) =>
    rows.map(({ name, label }) => ({
      label: label.replaceAll('`', ''),
      values: contenders.map((contender) => {
        const cell = cells.find((each) => each.row === name && each.contender === contender.name)
        return cell === undefined ? undefined : value(cell)
      }),
    }))
  const most = Math.max(10, ...cells.map(({ lost }) => lost))
  const panels =
    cells.length === 0
      ? []
      : [
          barPanel({
            title: 'Good jobs lost',
            axis: { label: 'jobs lost', from: 1, to: 10 ** Math.ceil(Math.log10(most)), log: true },
            rows: panel(({ lost }) => lost),
            write: String,
          }),
          barPanel({
            title: 'Throughput from 5 s after the fault',
            axis: { label: 'share of what the healthy backends can do', from: 0, to: 1 },
            rows: panel(({ share }) => share),
            rules: [SHARE],
            labelled: false,
            write: (value) => value.toFixed(2),
          }),
        ]
  const legend = contenders.map(({ label }, colour) => ({ label, colour }))
  return [plotFile('queue.svg', 'Jobs that a fault costs Immich', { legend, columns: 2, panels })].filter(
    (file) => file !== undefined,
  )
}
