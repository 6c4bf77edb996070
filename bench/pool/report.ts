import { type Column, type Part, type Report, type Target, table, targetsPart } from '../lib/report.ts'
import { median, percentile, spread, sum } from '../lib/stats.ts'
import type { Results } from './bench.ts'
import { STRAIGHT, URLS_ALONE } from './contenders.ts'
import type { Cell, Import } from './stage.ts'

type PoolResult = Results['pools'][number]

/** Of the ideal: on a pool that stays as it is, and on one that changes. */
export function shareWanted(pool: PoolResult): number {
  return pool.slow === null ? 0.95 : 0.9
}

export function report(results: Results): Report {
  return {
    lines: [settingsLine(results)],
    summary: [targetsPart('Targets, with URLs alone', 'pool', checkTargets(results)), lossesPart(results)],
    details: [...results.pools.map((pool) => poolPart(results, pool)), importsPart(results)],
  }
}

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

/** The targets that the results say something about: what URLs alone have reached. */
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
      what: 'search p95 during an import at most 2 times the idle one',
      figure: list(urls, ` times ${idle.toFixed(0)} ms`, (cell) => (busyP95(cell) / idle).toFixed(1)),
      met: urls.every((cell) => busyP95(cell) <= 2 * idle),
    })),
    ...perPool((pool, _, idle) => {
      const straight = cells.filter(
        ({ pool: name, contender }) => name === pool.name && contender === STRAIGHT,
      )
      const best = idleP95(straight)
      const what = 'idle search p95 at most 2 ms longer than straight to the best server'
      const figure = `${idle.toFixed(1)} ms, straight ${best.toFixed(1)} ms`
      return straight.length === 0 ? undefined : { what, figure, met: idle <= best + 2 }
    }),
    ...(own.length === 0 ? [] : [failed]).map((count) => {
      return { what: 'no failed request', of: 'everywhere', figure: String(count), met: count === 0 }
    }),
    ...pools.flatMap((pool) => {
      const here = ownImports.filter((each) => each.pool === pool.name)
      const what = 'an import of 200 images at most 5 % longer than the bound'
      const figure = list(here, '', (each) => makespans(each).median.toFixed(3))
      const met = here.every((each) => makespans(each).median <= 1.05)
      return here.length === 0 ? [] : { what, of: pool.title, figure, met }
    }),
  ]
}

/** One figure for each number of requests in flight. */
function list<T extends { readonly inFlight: number }>(
  entries: readonly T[],
  unit: string,
  write: (entry: T) => string,
) {
  const inFlight = entries.map((entry) => entry.inFlight).join(', ')
  return `${entries.map(write).join(', ')}${unit} (${inFlight} in flight)`
}

/** Of all searches while nothing else went on. */
function idleP95(cells: readonly Cell[]): number {
  const all = cells.flatMap(({ idle }) => idle)
  return percentile(all, 0.95)
}

function busyP95(cell: Cell): number {
  return percentile(cell.busy, 0.95)
}

/** By the bound. */
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
  return table(`${pool.title}: share of the ideal, and search latency in ms, by requests in flight`, rows, [
    ['contender', ({ label }) => label],
    ...each('share', ({ share }) => share.toFixed(3)),
    ['p95 idle', ({ own }) => idleP95(own).toFixed(0)],
    ...each('p95', writeBusy),
    ['failed', ({ own }) => sum(own.map(failuresOf))],
  ])
}

/** Searches that had no answer in the end took longer than this. */
function writeBusy(cell: Cell): string {
  const p95 = busyP95(cell).toFixed(0)
  return cell.unanswered > cell.busy.length * 0.05 ? `> ${p95}` : p95
}

function importsPart({ imports, contenders, pools }: Results): Part {
  const columns: Column<Import>[] = [
    ['contender', ({ contender }) => contenders.find(({ name }) => name === contender)?.label ?? contender],
    ['pool', ({ pool }) => pools.find(({ name }) => name === pool)?.title ?? pool],
    ['in flight', (each) => each.inFlight],
    ['median', (each) => makespans(each).median.toFixed(3)],
    ['all runs', (each) => `${makespans(each).least.toFixed(3)} to ${makespans(each).most.toFixed(3)}`],
    ['time', ({ runs }) => `${median(runs.map(({ makespan }) => makespan)).toFixed(0)} ms`],
  ]
  return table('An import of 200 images, by the bound', imports, columns, 2)
}

const PEERS: readonly string[] = ['nginx', STRAIGHT]
/** What is closer than this is the same. */
const LEAST_SHARE = 0.005
const LEAST_LATENCY = 0.95

/** Where a peer does better than our router with URLs alone. */
function lossesPart({ pools, settings, contenders, cells }: Results): Part {
  const rows = pools.flatMap((pool) =>
    settings.inFlight.flatMap((inFlight) => {
      const at = (name: string) =>
        cells.find((cell) => cell.pool === pool.name && cell.inFlight === inFlight && cell.contender === name)
      return contenders.flatMap(({ name, label }) => {
        const [own, peer] = [at(URLS_ALONE), PEERS.includes(name) ? at(name) : undefined]
        if (own === undefined || peer === undefined) return []
        const share = ['share of the ideal', peer.share.toFixed(3), own.share.toFixed(3)]
        const latency = ['search p95 during an import, ms', writeBusy(peer), writeBusy(own)]
        const ahead = [
          ...(peer.share > own.share + LEAST_SHARE ? [share] : []),
          ...(busyP95(peer) < busyP95(own) * LEAST_LATENCY ? [latency] : []),
        ]
        return ahead.map((figures) => [pool.title, String(inFlight), label, ...figures])
      })
    }),
  )
  const head = ['pool', 'in flight', 'ahead', 'by', 'theirs', 'ours']
  return { title: 'Where another is ahead of URLs alone', head, rows, words: 4 }
}
