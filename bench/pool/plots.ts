import { barPanel } from '../lib/plot/bar-panel.ts'
import type { Panel } from '../lib/plot/chart.ts'
import { type Line, linePanel } from '../lib/plot/line-panel.ts'
import { type Drawing, plotFile } from '../lib/plot/plot-file.ts'
import type { PlotFile } from '../lib/report.ts'
import { distribution } from '../lib/stats.ts'
import { URLS_ALONE } from './contenders.ts'
import type { Cell, PoolResult, Results } from './results.ts'
import { shareWanted } from './targets.ts'

export function drawPlots(results: Results): PlotFile[] {
  return [
    plotFile('pool-throughput.svg', 'Throughput, as a share of the ideal', throughput(results)),
    plotFile('pool-searches.svg', 'How long searches take, idle and during an import', searches(results)),
    plotFile('pool-limits.svg', 'The limits that URLs alone have learned, over time', limits(results)),
  ].filter((file) => file !== undefined)
}

function throughput({ pools, contenders, cells, settings }: Results): Drawing {
  const shareOf = (pool: PoolResult, contender: string, inFlight: number) =>
    cells.find(
      (cell) => cell.pool === pool.name && cell.contender === contender && cell.inFlight === inFlight,
    )?.share
  return {
    legend: settings.inFlight.map((inFlight, colour) => ({ label: `${inFlight} in flight`, colour })),
    columns: pools.length,
    panels: pools.map((pool, i) =>
      barPanel({
        title: pool.title,
        axis: { label: `share of the ideal; wanted ${shareWanted(pool)}`, from: 0, to: 1 },
        rows: contenders.map(({ name, label }) => ({
          label,
          values: settings.inFlight.map((inFlight) => shareOf(pool, name, inFlight)),
        })),
        rules: [shareWanted(pool)],
        labelled: i === 0,
        write: (value) => value.toFixed(2),
      }),
    ),
  }
}

/** Whose searches are shown: all of them in one panel could not be told apart. */
const SHOWN: readonly string[] = [URLS_ALONE, 'nginx', 'immich', 'peak-ewma/by-hand']

function searches(results: Results): Drawing {
  const { pools, contenders, cells, settings } = results
  const shown = contenders.filter(({ name }) => SHOWN.includes(name))
  const panels = pools.flatMap((pool) =>
    settings.inFlight.map((inFlight) => {
      const own = (contender: string) =>
        cells.filter((cell) => cell.pool === pool.name && cell.contender === contender)
      const lines = shown.flatMap(({ name }, colour): Line[] => [
        { colour, points: curve(own(name).flatMap(({ idle }) => idle)), dashed: true },
        { colour, points: curve(own(name).find((cell) => cell.inFlight === inFlight)?.busy ?? []) },
      ])
      return linePanel({
        title: `${pool.title}, ${inFlight} in flight`,
        x: { label: 'ms', from: 10, to: 10_000, log: true },
        y: { label: 'share of the searches', from: 0, to: 1 },
        lines,
        width: 300,
        height: 210,
      })
    }),
  )
  return {
    legend: [
      ...shown.map(({ label }, colour) => ({ label, colour, dashed: false })),
      { label: 'while nothing else goes on', colour: 4, dashed: true },
    ],
    columns: columnsOf(results),
    panels,
  }
}

function curve(latencies: readonly number[]): [number, number][] {
  const points = distribution(latencies)
  const [first] = points
  return first === undefined ? [] : [[first[0], 0], ...points]
}

function limits(results: Results): Drawing {
  const learned = results.cells.filter((cell) => cell.contender === URLS_ALONE && cell.limits.length > 0)
  const panels = results.pools.flatMap((pool) => {
    const own = learned.filter((cell) => cell.pool === pool.name)
    const all = own.flatMap((cell) => pool.servers.flatMap((_, server) => limitsOf(cell, server)))
    const most = Math.max(1, ...all.map(([, limit]) => limit))
    return own.map((cell) => limitsPanel(pool, cell, most))
  })
  const most = Math.max(...results.pools.map(({ servers }) => servers.length))
  const legend = Array.from({ length: most }, (_, colour) => ({
    label: colour === 0 ? 'the best server' : `server ${colour + 1}`,
    colour,
    dashed: false,
  }))
  return { legend, columns: columnsOf(results), panels }
}

/** @param most The highest limit that there is on the pool, so that its panels have the same height. */
function limitsPanel(pool: PoolResult, cell: Cell, most: number): Panel {
  const times = cell.limits.map(([at]) => at)
  return linePanel({
    title: `${pool.title}, ${cell.inFlight} in flight`,
    x: {
      label: 'seconds from the beginning of the import',
      from: Math.min(0, ...times),
      to: Math.max(1, ...times),
    },
    y: { label: 'limit', from: 0, to: most },
    lines: pool.servers.map((_, server) => ({
      colour: server,
      points: limitsOf(cell, server),
      stepped: true,
    })),
    bands: pool.slow === null ? [] : [{ from: pool.slow[0], to: pool.slow[1], label: 'GPU slow' }],
    width: 300,
    height: 210,
  })
}

/** Of one server, by its place in the pool. */
function limitsOf(cell: Cell, server: number): [at: number, limit: number][] {
  return cell.limits.flatMap(([at, ...all]) => {
    const limit = all[server]
    return limit === undefined || limit === null ? [] : [[at, limit] satisfies [number, number]]
  })
}

/** A row for each pool, unless there were always as many in flight. */
function columnsOf({ pools, settings }: Results): number {
  return settings.inFlight.length === 1 ? pools.length : settings.inFlight.length
}
