import { barPanel } from '../lib/plot/bar-panel.ts'
import { linePanel } from '../lib/plot/line-panel.ts'
import { type Drawing, plotFile } from '../lib/plot/plot-file.ts'
import type { PlotFile } from '../lib/report.ts'
import { median } from '../lib/stats.ts'
import { NONE } from './contenders.ts'
import type { Results } from './results.ts'
import { cellAt, cpuOf, rateOf } from './targets.ts'

export function drawPlots(results: Results): PlotFile[] {
  return [
    plotFile('cost-speed.svg', 'Requests a second, and CPU time for each', speed(results)),
    plotFile('cost-memory.svg', 'The memory that uploads take at their peak', memory(results)),
    plotFile('cost-growth.svg', 'Memory, by the searches that a process has carried', growth(results)),
    plotFile(
      'cost-first-byte.svg',
      'When the backend sees the first byte of a slow upload',
      firstBytes(results),
    ),
  ].filter((file) => file !== undefined)
}

/** The jobs of the targets. */
const SHOWN = ['text', '500k']

function speed(results: Results): Drawing {
  const { cells, contenders, jobs } = results
  const connections = [...new Set(cells.map((cell) => cell.connections))].sort((a, b) => a - b)
  const shown = jobs.filter(({ name }) => SHOWN.includes(name) && cells.some(({ job }) => job === name))
  const figures = [
    { label: 'requests/s', of: rateOf },
    { label: 'CPU time of the proxy for each, µs', of: cpuOf },
  ]
  // Without a proxy it is so fast that nothing else could be told apart.
  const measured = contenders.filter(
    ({ name }) => name !== NONE && cells.some(({ contender }) => contender === name),
  )
  const panels = shown.flatMap(({ name: job, title }) =>
    figures.map(({ label: figure, of }, column) => {
      const rows = measured.map(({ name, label }) => ({
        label,
        values: connections.map((count) => {
          const cell = cellAt(results, { contender: name, job, connections: count })
          return cell && median(cell.rounds.map(of))
        }),
      }))
      const all = rows.flatMap(({ values }) => values).filter((value) => value !== undefined)
      return barPanel({
        title,
        axis: { label: figure, from: 0, to: Math.max(1, ...all) },
        rows,
        labelled: column === 0,
        write: (value) => value.toFixed(0),
      })
    }),
  )
  const legend = connections.map((count, colour) => ({
    label: `${count} ${count === 1 ? 'connection' : 'connections'}`,
    colour,
  }))
  return { legend, panels, columns: figures.length }
}

function memory({ peaks, contenders }: Results): Drawing {
  const loads = [...new Set(peaks.map(({ uploads, rate }) => `${uploads} at once, ${paceOf(rate)}`))]
  const rows = contenders
    .filter(({ name }) => peaks.some(({ contender }) => contender === name))
    .map(({ name, label }) => ({
      label,
      values: loads.map(
        (load) =>
          peaks.find(
            ({ contender, uploads, rate }) =>
              contender === name && `${uploads} at once, ${paceOf(rate)}` === load,
          )?.peak,
      ),
    }))
    .map(({ label, values }) => ({ label, values: values.map((value) => value && value / 1e6) }))
  const bars = barPanel({
    title: 'Uploads of 31 MB',
    axis: { label: 'peak, MB', from: 10, to: 10_000, log: true },
    rows,
    rules: [250],
    write: (value) => value.toFixed(0),
  })
  return {
    legend: loads.map((label, colour) => ({ label, colour })),
    panels: rows.length === 0 ? [] : [bars],
    columns: 1,
  }
}

function growth({ growths, contenders }: Results): Drawing {
  const most = (place: 0 | 1) =>
    Math.max(1, ...growths.flatMap(({ samples }) => samples.map((sample) => sample[place])))
  const panel = linePanel({
    title: 'Text searches, 16 at once',
    x: { label: 'requests carried, thousands', from: 0, to: most(0) / 1e3 },
    y: { label: 'MB', from: 0, to: most(1) / 1e6 },
    lines: growths.map(({ samples }, colour) => ({
      colour,
      points: samples.map(([requests, rss]) => [requests / 1e3, rss / 1e6]),
    })),
    width: 600,
  })
  const legend = growths.map(({ contender }, colour) => ({
    label: contenders.find(({ name }) => name === contender)?.label ?? contender,
    colour,
    dashed: false,
  }))
  return { legend, panels: growths.length === 0 ? [] : [panel], columns: 1 }
}

function paceOf(rate: number | null): string {
  return rate === null ? 'fast' : `${rate / 1e6} MB/s each`
}

function firstBytes({ firstBytes: all, contenders }: Results): Drawing {
  const rows = all.map(({ contender, delays }) => ({
    label: contenders.find(({ name }) => name === contender)?.label ?? contender,
    values: [median(delays)],
  }))
  const panel = barPanel({
    title: "2 MB at 5 MB/s, from the client's first chunk",
    axis: { label: 'ms', from: 0.1, to: 1000, log: true },
    rows,
    rules: [20],
    write: (value) => value.toFixed(1),
  })
  return { legend: [], panels: rows.length === 0 ? [] : [panel], columns: 1 }
}
