import { barPanel } from '../lib/plot/bar-panel.ts'
import { drawChart, type LegendEntry, type Panel } from '../lib/plot/chart.ts'
import { type Line, linePanel } from '../lib/plot/line-panel.ts'
import { distribution } from '../lib/stats.ts'
import { URLS_ALONE } from './contenders.ts'
import type { Cell, PoolResult, Results } from './results.ts'
import { shareWanted } from './targets.ts'

export interface PlotFile {
  readonly name: string
  readonly title: string
  readonly svg: string
}

/** Every plot that the results have something for. */
export function drawPlots(results: Results): PlotFile[] {
  return [
    plot('pool-throughput.svg', 'Throughput, as a share of the ideal', throughput(results)),
    plot('pool-searches.svg', 'How long searches take, idle and during an import', searches(results)),
    plot('pool-limits.svg', 'The limits that URLs alone have learned, over time', limits(results)),
  ].filter((file) => file !== undefined)
}

interface Drawing {
  readonly legend: readonly LegendEntry[]
  readonly panels: readonly Panel[]
  readonly columns: number
}

function plot(name: string, title: string, drawing: Drawing): PlotFile | undefined {
  return drawing.panels.length === 0 ? undefined : { name, title, svg: drawChart({ title, ...drawing }) }
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
        title: shortTitle(pool),
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
const SHOWN: readonly string[] = [URLS_ALONE, 'nginx', 'immich', 'peak-ewma, by hand']

function searches({ pools, contenders, cells, settings }: Results): Drawing {
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
        title: `${shortTitle(pool)}, ${inFlight} in flight`,
        x: { label: 'ms', from: 10, to: 10_000, log: true },
        y: { label: 'share of the searches', from: 0, to: 1 },
        lines,
        width: 300,
        height: 210,
      })
    }),
  )
  return {
    legend: shown.flatMap(({ label }, colour) => [
      { label: `${label}, idle`, colour, dashed: true },
      { label: 'busy', colour, dashed: false },
    ]),
    columns: settings.inFlight.length,
    panels,
  }
}

function curve(latencies: readonly number[]): [number, number][] {
  const points = distribution(latencies)
  const [first] = points
  return first === undefined ? [] : [[first[0], 0], ...points]
}

function limits({ pools, cells, settings }: Results): Drawing {
  const learned = cells.filter((cell) => cell.contender === URLS_ALONE && cell.limits.length > 0)
  const panels = pools.flatMap((pool) => {
    const own = learned.filter((cell) => cell.pool === pool.name)
    const most = Math.max(
      1,
      ...own.flatMap((cell) => pool.servers.flatMap((_, i) => limitsOf(cell, i).map(([, y]) => y))),
    )
    return own.map((cell) =>
      linePanel({
        title: `${shortTitle(pool)}, ${cell.inFlight} in flight`,
        x: {
          label: 'seconds from the beginning of the import',
          from: Math.min(0, ...cell.limits.map(([at]) => at)),
          to: Math.max(1, ...cell.limits.map(([at]) => at)),
        },
        y: { label: 'limit', from: 0, to: most },
        lines: pool.servers.map((_, i) => ({ colour: i, points: limitsOf(cell, i), stepped: true })),
        bands: pool.slow === null ? [] : [{ from: pool.slow[0], to: pool.slow[1], label: 'slow' }],
        width: 300,
        height: 210,
      }),
    )
  })
  const longest = pools.toSorted((a, b) => b.servers.length - a.servers.length)
  const servers = (longest[0]?.servers ?? []).map((_, colour) => ({
    label: longest
      .map((pool) => pool.servers[colour])
      .filter((name, i, all) => name !== undefined && all.indexOf(name) === i)
      .join(', '),
    colour,
    dashed: false,
  }))
  return { legend: servers, columns: settings.inFlight.length, panels }
}

/** Of one server, by its place in the pool. */
function limitsOf(cell: Cell, server: number): [at: number, limit: number][] {
  return cell.limits.flatMap(([at, ...all]) => {
    const limit = all[server]
    return limit === undefined || limit === null ? [] : [[at, limit] satisfies [number, number]]
  })
}

/** What fits above a panel. */
function shortTitle({ title }: PoolResult): string {
  return title.split(';')[0] ?? title
}
