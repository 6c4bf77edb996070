import { median, percentile, sum } from '../lib/stats.ts'
import { STRAIGHT, URLS_ALONE } from './contenders.ts'
import type { Cell, Import, PoolResult, Results } from './results.ts'

/** What is to be reached with URLs alone, and what was. */
export interface Target {
  readonly what: string
  /** Title of the pool, or all of them. */
  readonly where: string
  readonly figure: string
  readonly met: boolean
}

/** Of the ideal: on a pool that stays as it is, and on one that changes. */
const SHARE = 0.95
const SHARE_CHANGING = 0.9
/** Times of the idle 95th percentile that a search may take during an import. */
const BUSY = 2
/** How much longer an idle search may take than straight to the best server, in milliseconds. */
const DETOUR = 2
/** How much longer than the bound an import may take. */
const MAKESPAN = 1.05

export function shareWanted(pool: PoolResult): number {
  return pool.slow === null ? SHARE : SHARE_CHANGING
}

/** Every target that the results say something about. */
export function checkTargets(results: Results): Target[] {
  const cells = (pool: PoolResult, contender: string) =>
    results.cells.filter((cell) => cell.pool === pool.name && cell.contender === contender)
  const perPool = (check: (pool: PoolResult, urls: readonly Cell[]) => Omit<Target, 'where'> | undefined) =>
    results.pools.flatMap((pool) => {
      const urls = cells(pool, URLS_ALONE)
      const target = urls.length === 0 ? undefined : check(pool, urls)
      return target === undefined ? [] : [{ ...target, where: pool.title }]
    })
  return [
    ...perPool(checkShare),
    ...perPool(checkBusy),
    ...perPool((pool, urls) => checkIdle(urls, cells(pool, STRAIGHT))),
    ...checkFailures(results),
    ...checkImports(results),
  ]
}

function checkShare(pool: PoolResult, urls: readonly Cell[]): Omit<Target, 'where'> {
  const wanted = shareWanted(pool)
  return {
    what: `share of the ideal at least ${wanted}`,
    figure: `${list(urls, ({ share }) => share.toFixed(3))}${inFlight(urls)}`,
    met: urls.every(({ share }) => share >= wanted),
  }
}

function checkBusy(_: PoolResult, urls: readonly Cell[]): Omit<Target, 'where'> {
  const idle = idleP95(urls)
  return {
    what: `search p95 during an import at most ${BUSY} times the idle one`,
    figure: `${list(urls, (cell) => (busyP95(cell) / idle).toFixed(1))} times ${idle.toFixed(0)} ms${inFlight(urls)}`,
    met: urls.every((cell) => busyP95(cell) <= BUSY * idle),
  }
}

function checkIdle(urls: readonly Cell[], straight: readonly Cell[]): Omit<Target, 'where'> | undefined {
  if (straight.length === 0) return undefined
  const [through, best] = [idleP95(urls), idleP95(straight)]
  return {
    what: `idle search p95 at most ${DETOUR} ms longer than straight to the best server`,
    figure: `${through.toFixed(1)} ms, straight ${best.toFixed(1)} ms`,
    met: through <= best + DETOUR,
  }
}

function checkFailures({ cells, imports }: Results): Target[] {
  const own = [...cells, ...imports].filter(({ contender }) => contender === URLS_ALONE)
  if (own.length === 0) return []
  const failed = sum(own.map(failuresOf))
  return [{ what: 'no failed request', where: 'everywhere', figure: String(failed), met: failed === 0 }]
}

function checkImports({ pools, imports }: Results): Target[] {
  return pools.flatMap((pool) => {
    const own = imports.filter((each) => each.pool === pool.name && each.contender === URLS_ALONE)
    if (own.length === 0) return []
    return [
      {
        what: `an import of 200 images at most ${Math.round((MAKESPAN - 1) * 100)} % longer than the bound`,
        where: pool.title,
        figure: `${list(own, (each) => makespanRatio(each).toFixed(3))}${inFlight(own)}`,
        met: own.every((each) => makespanRatio(each) <= MAKESPAN),
      },
    ]
  })
}

/** Of all its searches while nothing else went on. */
export function idleP95(cells: readonly Cell[]): number {
  return percentile(
    cells.flatMap(({ idle }) => idle),
    0.95,
  )
}

export function busyP95(cell: Cell): number {
  return percentile(cell.busy, 0.95)
}

/** Of the bound; the median of its runs. */
export function makespanRatio({ runs }: Import): number {
  return median(runs.map(({ makespan, ideal }) => makespan / ideal))
}

export function failuresOf({ failures }: Cell | Import): number {
  return sum(Object.values(failures))
}

function list<T>(entries: readonly T[], write: (entry: T) => string): string {
  return entries.map(write).join(', ')
}

function inFlight(entries: readonly { readonly inFlight: number }[]): string {
  return ` (${list(entries, (entry) => String(entry.inFlight))} in flight)`
}
