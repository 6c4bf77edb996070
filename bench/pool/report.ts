import { machineLine } from '../lib/machine.ts'
import type { Part, Report } from '../lib/report.ts'
import { median, spread, sum } from '../lib/stats.ts'
import { STRAIGHT, URLS_ALONE } from './contenders.ts'
import type { Cell, PoolResult, Results } from './results.ts'
import { busyP95, checkTargets, failuresOf, idleP95 } from './targets.ts'

function settingsLine({ settings, cells }: Results): string {
  const { seconds, idleSeconds, seed } = settings
  const cores = Math.max(0, ...cells.map(({ generatorCores }) => generatorCores)).toFixed(2)
  const lateness = median(cells.map(({ generatorLateness }) => generatorLateness)).toFixed(1)
  const again = cells.filter(({ tries }) => tries > 1).length
  return [
    `${seconds} s of import for each, ${idleSeconds} s of idle searches before, seed ${seed}`,
    `the load generator used ${cores} cores at most, and ran ${lateness} ms late (99th percentile, median of all runs)`,
    `${again} of ${cells.length} runs were made again, since it stood still`,
  ].join('; ')
}

export function reportOf(results: Results): Report {
  return {
    lines: [machineLine(results.machine), settingsLine(results)],
    summary: [targetsPart(results), lossesPart(results)],
    details: [...results.pools.map((pool) => poolPart(results, pool)), importsPart(results)],
  }
}

function targetsPart(results: Results): Part {
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
  const rows = contenders.flatMap(({ name, label }) => {
    const own = cells.filter((cell) => cell.pool === pool.name && cell.contender === name)
    if (own.length === 0) return []
    const each = (write: (cell: Cell) => string) =>
      columns.map((inFlight) => {
        const cell = own.find((candidate) => candidate.inFlight === inFlight)
        return cell === undefined ? '' : write(cell)
      })
    return [
      [
        label,
        ...each(({ share }) => share.toFixed(3)),
        idleP95(own).toFixed(0),
        ...each(writeBusy),
        String(sum(own.map(failuresOf))),
      ],
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
      label,
      title,
      String(inFlight),
      ratios.median.toFixed(3),
      `${ratios.least.toFixed(3)} to ${ratios.most.toFixed(3)}`,
      `${spread(runs.map(({ makespan }) => makespan)).median.toFixed(0)} ms`,
    ]
  })
  return {
    title: 'An import of 200 images, by the bound',
    table: { head: ['contender', 'pool', 'in flight', 'median', 'all runs', 'time'], rows, words: 2 },
  }
}

/** Where a peer does better than our router does with URLs alone. */
function lossesPart(results: Results): Part {
  const { pools, settings, contenders, cells } = results
  const label = (name: string) => contenders.find((each) => each.name === name)?.label ?? name
  const rows = pools.flatMap((pool) =>
    settings.inFlight.flatMap((inFlight) => {
      const here = cells.filter((cell) => cell.pool === pool.name && cell.inFlight === inFlight)
      const own = here.find(({ contender }) => contender === URLS_ALONE)
      if (own === undefined) return []
      return here
        .filter(({ contender }) => PEERS.includes(contender))
        .flatMap((peer) =>
          aheadOf(own, peer).map((figures) => [
            pool.title,
            String(inFlight),
            label(peer.contender),
            ...figures,
          ]),
        )
    }),
  )
  const head = ['pool', 'in flight', 'ahead', 'by', 'theirs', 'ours']
  return { title: 'Where another is ahead of URLs alone', table: { head, rows, words: 4 } }
}

const PEERS: readonly string[] = ['nginx', STRAIGHT]
/** What is closer than this is the same. */
const LEAST_SHARE = 0.005
const LEAST_LATENCY = 0.95

/** What the peer does better, with its figure and ours. */
function aheadOf(own: Cell, peer: Cell): string[][] {
  const ahead: string[][] = []
  if (peer.share > own.share + LEAST_SHARE)
    ahead.push(['share of the ideal', peer.share.toFixed(3), own.share.toFixed(3)])
  if (busyP95(peer) < busyP95(own) * LEAST_LATENCY)
    ahead.push(['search p95 during an import, ms', writeBusy(peer), writeBusy(own)])
  return ahead
}
