import { type Axis, drawPlot } from '../lib/plot.ts'
import { median } from '../lib/stats.ts'
import type { Results } from './bench.ts'
import { NONE } from './contenders.ts'
import { isOfTargets, LOADS } from './measure.ts'
import { cellAt, cpuOf, labelOf, paceOf, peaksAt, rateOf } from './targets.ts'

export function plots(results: Results) {
  return [
    drawPlot('cost-speed.svg', 'Requests per second and CPU time per request', 2, speed(results)),
    drawPlot('cost-memory.svg', 'Peak memory of uploads', 1, memory(results)),
    drawPlot('cost-growth.svg', 'Memory by searches routed', 1, growth(results)),
    drawPlot('cost-first-byte.svg', 'First byte of a slow upload at the backend', 1, firstBytes(results)),
  ]
}

function speed(results: Results) {
  const { cells, contenders, jobs } = results
  const connections = [...new Set(cells.map((cell) => cell.connections))].sort((a, b) => a - b)
  const series = connections.map((count) => `${count} ${count === 1 ? 'connection' : 'connections'}`)
  const figures = [
    { label: 'requests/s', of: rateOf },
    { label: 'CPU time per request, µs', of: cpuOf },
  ]
  // Beside no proxy, the others could not be told apart.
  const measured = contenders.filter(
    ({ name }) => name !== NONE && cells.some(({ contender }) => contender === name),
  )
  const shown = jobs.filter(({ name }) => isOfTargets(name) && cells.some(({ job }) => job === name))
  return shown.flatMap(({ name: job, title }) =>
    figures.map(({ label, of }) => {
      const rows = measured.map((contender) => ({
        label: contender.label,
        values: connections.map((count) => {
          const cell = cellAt(results, { job, connections: count }, contender.name)
          return cell && median(cell.rounds.map(of))
        }),
      }))
      const all = rows.flatMap(({ values }) => values).filter((value) => value !== undefined)
      return { title, x: { label, from: 0, to: roundedUp(Math.max(1, ...all)) }, series, rows }
    }),
  )
}

/** To two digits, for the end of an axis. */
function roundedUp(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1)
  return Math.ceil(value / unit) * unit
}

function memory(results: Results) {
  const { peaks, contenders } = results
  const loads = LOADS.filter(({ uploads, rate }) =>
    contenders.some(({ name }) => peaksAt(results, name, uploads, rate).length > 0),
  )
  const rows = contenders
    .filter(({ name }) => peaks.some(({ contender }) => contender === name))
    .map(({ name, label }) => {
      const own = loads.map(({ uploads, rate }) => peaksAt(results, name, uploads, rate)[0]?.peak)
      return { label, values: own.map((peak) => peak && peak / 1e6) }
    })
  const series = loads.map(({ uploads, rate }) => `${uploads} at once, ${paceOf(rate)}`)
  const x: Axis = { label: 'peak, MB', from: 10, to: 10_000, log: true }
  return rows.length === 0 ? [] : [{ title: 'Uploads of 31 MB', x, series, rows, rule: 250 }]
}

function growth(results: Results) {
  const { growths } = results
  const most = (place: 0 | 1) =>
    Math.max(1, ...growths.flatMap(({ samples }) => samples.map((sample) => sample[place])))
  const panel = {
    title: 'Text searches, 16 at once',
    x: { label: 'requests, thousands', from: 0, to: roundedUp(most(0) / 1e3) },
    y: { label: 'MB', from: 0, to: roundedUp(most(1) / 1e6) },
    lines: growths.map(({ contender, samples }) => ({
      name: labelOf(results, contender),
      points: samples.map(([requests, rss]): [number, number] => [requests / 1e3, rss / 1e6]),
    })),
  }
  return growths.length === 0 ? [] : [panel]
}

function firstBytes(results: Results) {
  const rows = results.firstBytes.map(({ contender, delays }) => ({
    label: labelOf(results, contender),
    values: [median(delays)],
  }))
  const title = "2 MB at 5 MB/s, from the client's first chunk"
  const x: Axis = { label: 'ms', from: 0.1, to: 1000, log: true }
  return rows.length === 0 ? [] : [{ title, x, series: ['ms'], rows, rule: 20, digits: 1 }]
}
