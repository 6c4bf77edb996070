import { machineLine } from '../lib/machine.ts'
import { spread, sum } from '../lib/stats.ts'
import { asMarkdown, asText, type Table } from '../lib/table.ts'
import { URLS_ALONE } from './contenders.ts'
import type { PlotFile } from './plots.ts'
import type { Cell, PoolResult, Results } from './results.ts'
import { busyP95, checkTargets, failuresOf, idleP95 } from './targets.ts'

interface Part {
  readonly title: string
  readonly table: Table
}

/** For the terminal. */
export function asReport(results: Results): string {
  return [
    machineLine(results.machine),
    ...parts(results).map(({ title, table }) => `${title}\n\n${asText(table)}`),
    ['Where another is ahead of URLs alone', '', ...losses(results)].join('\n'),
  ].join('\n\n')
}

/** For docs/benchmarks.md. */
export function asSection(results: Results, plots: readonly PlotFile[]): string {
  const [targets, ...tables] = parts(results).map(
    ({ title, table }) => `### ${title}\n\n${asMarkdown(table)}`,
  )
  return [
    `${machineLine(results.machine)}. ${settingsLine(results)}`,
    targets ?? '',
    `### Where another is ahead of URLs alone\n\n${losses(results)
      .map((loss) => `- ${loss}`)
      .join('\n')}`,
    ...plots.map(({ name, title }) => `![${title}](benchmarks/${name})`),
    ...tables,
  ].join('\n\n')
}

function settingsLine({ settings }: Results): string {
  const { seconds, idleSeconds, seed } = settings
  return `${seconds} s of import for each, ${idleSeconds} s of idle searches before, seed ${seed}.`
}

function parts(results: Results): Part[] {
  return [
    ...targetsPart(results),
    ...results.pools.map((pool) => poolPart(results, pool)),
    ...(results.imports.length === 0 ? [] : [importsPart(results)]),
  ]
}

function targetsPart(results: Results): Part[] {
  const rows = checkTargets(results).map(({ what, where, figure, met }) => [
    what,
    where,
    figure,
    met ? 'met' : 'not met',
  ])
  return {
    title: 'Targets, with URLs alone',
    table: { head: ['target', 'pool', 'figure', ''], rows, words: 4 },
  }
}

function poolPart({ cells, contenders, settings }: Results, pool: PoolResult): Part {
  const columns = settings.inFlight
  const rows = contenders.map(({ name, label }) => {
    const own = cells.filter((cell) => cell.pool === pool.name && cell.contender === name)
    const each = (write: (cell: Cell) => string) =>
      columns.map((inFlight) => {
        const cell = own.find((candidate) => candidate.inFlight === inFlight)
        return cell === undefined ? '' : write(cell)
      })
    return [
      label,
      ...each(({ share }) => share.toFixed(3)),
      idleP95(own).toFixed(0),
      ...each(writeBusy),
      String(sum(own.map(failuresOf))),
    ]
  })
  const head = [
    'contender',
    ...columns.map((inFlight) => `share, ${inFlight}`),
    'p95 idle',
    ...columns.map((inFlight) => `p95, ${inFlight}`),
    'failed',
  ]
  return {
    title: `${pool.title}: share of the ideal, and search latency in ms, by requests in flight`,
    table: { head, rows },
  }
}

/** Searches that had no answer in the end took longer than this. */
function writeBusy(cell: Cell): string {
  const p95 = busyP95(cell).toFixed(0)
  return cell.unanswered > cell.busy.length * 0.05 ? `> ${p95}` : p95
}

function importsPart({ imports, contenders, pools }: Results): Part {
  const rows = imports.map(({ pool, contender, inFlight, runs }) => {
    const ratios = spread(runs.map(({ makespan, ideal }) => makespan / ideal))
    const label = contenders.find(({ name }) => name === contender)?.label ?? contender
    const title = pools.find(({ name }) => name === pool)?.title ?? pool
    return [
      `${label}: ${title}, ${inFlight} in flight`,
      ratios.median.toFixed(3),
      `${ratios.least.toFixed(3)} to ${ratios.most.toFixed(3)}`,
      `${spread(runs.map(({ makespan }) => makespan)).median.toFixed(0)} ms`,
    ]
  })
  return {
    title: 'An import of 200 images, by the bound',
    table: { head: ['', 'median', 'all runs', 'time'], rows },
  }
}

/** Peers that do better than our router does with URLs alone, each with both figures. */
function losses(results: Results): string[] {
  const label = (name: string) => results.contenders.find((each) => each.name === name)?.label ?? name
  const found = results.pools.flatMap((pool) =>
    results.settings.inFlight.flatMap((inFlight) => {
      const cells = results.cells.filter((cell) => cell.pool === pool.name && cell.inFlight === inFlight)
      const own = cells.find(({ contender }) => contender === URLS_ALONE)
      if (own === undefined) return []
      const place = `${pool.title}, ${inFlight} in flight`
      return cells
        .filter(({ contender }) => PEERS.includes(contender))
        .flatMap((peer) => [
          ...(peer.share > own.share + LEAST_SHARE
            ? [
                `${place}: ${label(peer.contender)} does ${peer.share.toFixed(3)} of the ideal, we ${own.share.toFixed(3)}`,
              ]
            : []),
          ...(busyP95(peer) < busyP95(own) * LEAST_LATENCY
            ? [
                `${place}: searches take ${busyP95(peer).toFixed(0)} ms (p95) with ${label(peer.contender)}, ` +
                  `${busyP95(own).toFixed(0)} ms with us`,
              ]
            : []),
        ])
    }),
  )
  return found.length > 0 ? found : ['nowhere in this run']
}

const PEERS: readonly string[] = ['nginx', 'immich']
/** What is closer than this is the same. */
const LEAST_SHARE = 0.005
const LEAST_LATENCY = 0.95
