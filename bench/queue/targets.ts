import { type Part, table } from '../lib/report.ts'
import type { Results } from './bench.ts'
import { LIST, ROUTER } from './contenders.ts'
import type { Cell } from './stage.ts'

/** Of the throughput of the healthy backends. */
export const SHARE = 0.9
export const SHARE_FLAPPING = 0.7
/** Multiple of the idle p95 of the backends that are left. */
const SEARCH = 2
/** Good jobs that a restart may lose: the ones in flight. */
const RESTART_LOST = 5

/** Whether a row meets each target; `undefined` if the target does not apply. */
export interface Verdict {
  readonly lost: boolean
  readonly share: boolean | undefined
  readonly searchesLost: boolean
  readonly searchP95: boolean | undefined
  /** Against Immich's own list. */
  readonly noWorse: boolean | undefined
}

export function judge(cell: Cell, list: Cell | undefined): Verdict {
  return {
    lost: cell.lost <= (cell.restart === null ? 0 : RESTART_LOST),
    share: cell.share >= (cell.row === 'flapping' ? SHARE_FLAPPING : SHARE),
    searchesLost: cell.searchesLost === 0,
    searchP95: cell.searchP95 === null ? undefined : cell.searchP95 <= SEARCH * cell.idleP95,
    noWorse: list === undefined || cell.restart !== null ? undefined : cell.lost <= list.lost,
  }
}

/** The verdict on every row of this router. */
export function verdicts({ cells }: Results): { readonly cell: Cell; readonly verdict: Verdict }[] {
  return cells
    .filter(({ contender }) => contender === ROUTER)
    .map((cell) => ({
      cell,
      verdict: judge(
        cell,
        cells.find(({ row, contender }) => row === cell.row && contender === LIST),
      ),
    }))
}

/** How many rows meet each target. */
export function targetsPart(results: Results): Part {
  const all = verdicts(results).map(({ verdict }) => verdict)
  const targets: readonly (readonly [string, keyof Verdict])[] = [
    ['no good jobs lost', 'lost'],
    [`share at least ${SHARE} (flapping ${SHARE_FLAPPING})`, 'share'],
    ['no searches lost', 'searchesLost'],
    [`search p95 at most ${SEARCH} x idle`, 'searchP95'],
    ["no more jobs lost than with Immich's list", 'noWorse'],
  ]
  const rows = targets.map(([what, key]) => {
    const judged = all.filter((verdict) => verdict[key] !== undefined)
    return { what, of: judged.length, met: judged.filter((verdict) => verdict[key]).length }
  })
  return table('Targets', rows, [
    ['target', ({ what }) => what],
    ['met by this router', ({ met, of }) => `${met} of ${of} faults`],
  ])
}
