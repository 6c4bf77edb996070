import {
  type Column,
  measuredPart,
  type Part,
  type Report,
  type Target,
  table,
  targetsPart,
} from '../lib/report.ts'
import { median, percentile, spread, sum } from '../lib/stats.ts'
import type { Results } from './bench.ts'
import { STRAIGHT, URLS_ALONE } from './contenders.ts'
import type { Cell, Import } from './stage.ts'

type PoolResult = Results['pools'][number]

/** The target share of the ideal; lower on a pool that changes. */
export function shareWanted(pool: PoolResult): number {
  return pool.slow === null ? 0.95 : 0.9
}

export function report(results: Results): Report {
  return {
    lines: [settingsLine(results)],
    summary: [targetsPart(checkTargets(results)), overviewPart(results)],
    details: [
      measuredPart(checkTargets(results)),
      lossesPart(results),
      ...results.pools.map((pool) => poolPart(results, pool)),
      importsPart(results),
    ],
  }
}

function settingsLine({ settings, cells }: Results): string {
  const { seconds, idleSeconds, seed } = settings
  const cores = Math.max(0, ...cells.map(({ generatorCores }) => generatorCores)).toFixed(2)
  const lateness = median(cells.map(({ generatorLateness }) => generatorLateness)).toFixed(1)
  const again = cells.filter(({ tries }) => tries > 1).length
  return [
    `${idleSeconds} s of idle searches, then ${seconds} s of import, seed ${seed}`,
    `load generator: at most ${cores} cores, p99 lateness ${lateness} ms, ${again} of ${cells.length} runs repeated`,
  ].join('; ')
}

/** The targets that the results have figures for, checked for URLs alone. */
export function checkTargets({ pools, cells, imports }: Results): Target[] {
  const own = cells.filter(({ contender }) => contender === URLS_ALONE)
  const ownImports = imports.filter(({ contender }) => contender === URLS_ALONE)
  const failed = sum([...own, ...ownImports].map(failuresOf))
  const perPool = (check: (pool: PoolResult, urls: Cell[], idle: number) => Omit<Target, 'of'> | undefined) =>
    pools.flatMap((pool) => {
      const urls = own.filter((cell) => cell.pool === pool.name)
      const target = urls.length === 0 ? undefined : check(pool, urls, idleP95(urls))
      return target === undefined ? [] : [{ ...target, of: pool.title }]
    })
  return [
    ...perPool((pool, urls) => ({
      what: `share of the ideal at least ${shareWanted(pool)}`,
      figure: list(urls, '', ({ share }) => share.toFixed(3)),
      met: urls.every(({ share }) => share >= shareWanted(pool)),
    })),
    ...perPool((_, urls, idle) => ({
      what: 'search p95 during an import at most 2 x idle',
      figure: list(urls, ` x ${idle.toFixed(0)} ms`, (cell) => (busyP95(cell) / idle).toFixed(1)),
      met: urls.every((cell) => busyP95(cell) <= 2 * idle),
    })),
    ...perPool((pool, _, idle) => {
      const straight = cells.filter(
        ({ pool: name, contender }) => name === pool.name && contender === STRAIGHT,
      )
      const best = idleP95(straight)
      const what = 'idle search p95 at most 2 ms above the best server alone'
      const figure = `${idle.toFixed(1)} ms, best server ${best.toFixed(1)} ms`
      return straight.length === 0 ? undefined : { what, figure, met: idle <= best + 2 }
    }),
    ...(own.length === 0 ? [] : [failed]).map((count) => {
      return { what: 'no failed requests', of: 'all pools', figure: String(count), met: count === 0 }
    }),
    ...pools.flatMap((pool) => {
      const here = ownImports.filter((each) => each.pool === pool.name)
      const what = 'import of 200 images at most 1.05 x the lower bound'
      const figure = list(here, '', (each) => makespans(each).median.toFixed(3))
      const met = here.every((each) => makespans(each).median <= 1.05)
      return here.length === 0 ? [] : { what, of: pool.title, figure, met }
    }),
  ]
}

/** One figure for each number of requests in flight, in ascending order. */
function list<T extends { readonly inFlight: number }>(
  entries: readonly T[],
  unit: string,
  write: (entry: T) => string,
) {
  return `${entries.map(write).join(' / ')}${unit}`
}

/** p95 of all searches without an import. */
function idleP95(cells: readonly Cell[]): number {
  const all = cells.flatMap(({ idle }) => idle)
  return percentile(all, 0.95)
}

function busyP95(cell: Cell): number {
  return percentile(cell.busy, 0.95)
}

/** Multiples of the lower bound. */
function makespans({ runs }: Import) {
  return spread(runs.map(({ makespan, ideal }) => makespan / ideal))
}

function failuresOf({ failures }: Cell | Import): number {
  return sum(Object.values(failures))
}

function poolPart({ cells, contenders, settings }: Results, pool: PoolResult): Part {
  const rows = contenders
    .map(({ name, label }) => ({
      label,
      own: cells.filter((cell) => cell.pool === pool.name && cell.contender === name),
    }))
    .filter(({ own }) => own.length > 0)
  const each = (head: string, write: (cell: Cell) => string) =>
    settings.inFlight.map(
      (count): Column<(typeof rows)[number]> => [
        `${head}, ${count}`,
        ({ own }) => own.filter((cell) => cell.inFlight === count).map(write)[0] ?? '',
      ],
    )
  return table(`${pool.title}: share of the ideal and search p95 in ms, by requests in flight`, rows, [
    ['contender', ({ label }) => label],
    ...each('share', ({ share }) => share.toFixed(3)),
    ['p95 idle', ({ own }) => idleP95(own).toFixed(0)],
    ...each('p95', writeBusy),
    ['failed', ({ own }) => sum(own.map(failuresOf))],
  ])
}

/** Unanswered searches took longer than the last answered one. */
function writeBusy(cell: Cell): string {
  const p95 = busyP95(cell).toFixed(0)
  return cell.unanswered > cell.busy.length * 0.05 ? `> ${p95}` : p95
}

/** The contenders that are measured on every pool, with one figure for each number of requests in flight. */
function overviewPart(results: Results): Part {
  const { pools, cells, imports, contenders } = results
  const rows = pools.flatMap((pool) =>
    [URLS_ALONE, ...PEERS].map((name) => ({
      pool: pool.title,
      label: contenders.find((contender) => contender.name === name)?.label ?? name,
      own: cells.filter((cell) => cell.pool === pool.name && cell.contender === name),
      timed: imports.filter((each) => each.pool === pool.name && each.contender === name),
    })),
  )
  const columns: Column<(typeof rows)[number]>[] = [
    ['pool', ({ pool }) => pool],
    ['contender', ({ label }) => label],
    ['share of the ideal', ({ own }) => list(own, '', ({ share }) => share.toFixed(2))],
    ['search p95 idle, ms', ({ own }) => idleP95(own).toFixed(0)],
    ['search p95 busy, ms', ({ own }) => list(own, '', writeBusy)],
    ['200 images', ({ timed }) => list(timed, '', (each) => makespans(each).median.toFixed(2))],
  ]
  const inFlight = results.settings.inFlight.join(' / ')
  return table(
    `Pools, with ${inFlight} requests in flight`,
    rows.filter(({ own }) => own.length > 0),
    columns,
    2,
  )
}

function importsPart({ imports, contenders, pools }: Results): Part {
  const columns: Column<Import>[] = [
    ['contender', ({ contender }) => contenders.find(({ name }) => name === contender)?.label ?? contender],
    ['pool', ({ pool }) => pools.find(({ name }) => name === pool)?.title ?? pool],
    ['in flight', (each) => each.inFlight],
    ['median', (each) => makespans(each).median.toFixed(3)],
    ['range', (each) => `${makespans(each).least.toFixed(3)} to ${makespans(each).most.toFixed(3)}`],
    ['time', ({ runs }) => `${median(runs.map(({ makespan }) => makespan)).toFixed(0)} ms`],
  ]
  return table('Import of 200 images, x the lower bound', imports, columns, 2)
}

const PEERS: readonly string[] = ['nginx', STRAIGHT]
/** A smaller difference is noise. */
const LEAST_SHARE = 0.005
const LEAST_LATENCY = 0.95

/** Where a peer has a higher share or faster searches than our router with URLs alone. */
function lossesPart({ pools, settings, contenders, cells }: Results): Part {
  const rows = pools.flatMap((pool) =>
    settings.inFlight.flatMap((inFlight) => {
      const at = (name: string) =>
        cells.find((cell) => cell.pool === pool.name && cell.inFlight === inFlight && cell.contender === name)
      return contenders.flatMap(({ name, label }) => {
        const [own, peer] = [at(URLS_ALONE), PEERS.includes(name) ? at(name) : undefined]
        if (own === undefined || peer === undefined) return []
        const share = ['share', peer.share.toFixed(3), own.share.toFixed(3)]
        const latency = ['search p95, ms', writeBusy(peer), writeBusy(own)]
        const ahead = [
          ...(peer.share > own.share + LEAST_SHARE ? [share] : []),
          ...(busyP95(peer) < busyP95(own) * LEAST_LATENCY ? [latency] : []),
        ]
        return ahead.map((figures) => [pool.title, String(inFlight), label, ...figures])
      })
    }),
  )
  const head = ['pool', 'in flight', 'ahead', 'by', 'theirs', 'ours']
  return { title: 'Where another router is ahead of URLs alone', head, rows, words: 4 }
}
