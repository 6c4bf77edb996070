import { type Axis, drawPlot, type Line } from '../lib/plot.ts'
import { distribution } from '../lib/stats.ts'
import type { Results } from './bench.ts'
import { URLS_ALONE } from './contenders.ts'
import { shareWanted } from './report.ts'

export function plots(results: Results) {
  const { pools, settings } = results
  const columns = settings.inFlight.length === 1 ? pools.length : settings.inFlight.length
  return [
    drawPlot('pool-throughput.svg', 'Throughput as a share of the ideal', pools.length, throughput(results)),
    drawPlot('pool-searches.svg', 'Search latency, idle and during an import', columns, searches(results)),
    drawPlot('pool-limits.svg', 'Limits learned with URLs alone', columns, limits(results)),
  ]
}

function throughput({ pools, contenders, cells, settings }: Results) {
  return pools.map((pool) => ({
    title: pool.title,
    x: { label: `share of the ideal; target ${shareWanted(pool)}`, from: 0, to: 1 },
    series: settings.inFlight.map((inFlight) => `${inFlight} in flight`),
    rows: contenders.map(({ name, label }) => ({
      label,
      values: settings.inFlight.map((inFlight) => {
        const own = cells.filter((cell) => cell.pool === pool.name && cell.contender === name)
        return own.find((cell) => cell.inFlight === inFlight)?.share
      }),
    })),
    rule: shareWanted(pool),
    digits: 2,
  }))
}

/** All contenders in one panel could not be told apart. */
const SHOWN: readonly string[] = [URLS_ALONE, 'nginx', 'immich', 'peak-ewma/by-hand']

function searches({ pools, contenders, cells, settings }: Results) {
  const x: Axis = { label: 'ms; dashed: idle', from: 10, to: 10_000, log: true }
  const y: Axis = { label: 'share of the searches', from: 0, to: 1 }
  const shown = contenders.filter(({ name }) => SHOWN.includes(name))
  const linesOf = (pool: string, inFlight: number) =>
    shown.flatMap(({ name, label }): Line[] => {
      const own = cells.filter((cell) => cell.pool === pool && cell.contender === name)
      const busy = own.find((cell) => cell.inFlight === inFlight)?.busy ?? []
      const idle = own.flatMap((cell) => cell.idle)
      return [
        { name: label, points: distribution(busy) },
        { name: label, points: distribution(idle), dashed: true },
      ]
    })
  return pools.flatMap(({ name, title }) =>
    settings.inFlight.map((n) => ({ title: `${title}, ${n} in flight`, x, y, lines: linesOf(name, n) })),
  )
}

function limits({ pools, cells }: Results) {
  return pools.flatMap(({ name, title, servers, slow }) => {
    const own = cells.filter(
      (cell) => cell.pool === name && cell.contender === URLS_ALONE && cell.limits.length > 0,
    )
    const most = Math.max(1, ...own.flatMap((cell) => cell.limits.flatMap(([, ...all]) => all.map(Number))))
    const [from, to] = slow ?? []
    return own.map((cell) => {
      const times = cell.limits.map(([at]) => at)
      const x: Axis = {
        label: 'seconds from the beginning of the import',
        from: Math.floor(Math.min(0, ...times)),
        to: Math.ceil(Math.max(1, ...times)),
      }
      return {
        title: `${title}, ${cell.inFlight} in flight`,
        x,
        y: { label: 'limit', from: 0, to: most },
        lines: servers.map((_, i): Line => {
          const points = cell.limits.flatMap(([at, ...all]) =>
            all[i] == null ? [] : [[at, all[i]] as const],
          )
          return { name: i === 0 ? 'the best server' : `server ${i + 1}`, points, stepped: true }
        }),
        band: from === undefined || to === undefined ? undefined : { from, to, label: 'GPU slow' },
      }
    })
  })
}
