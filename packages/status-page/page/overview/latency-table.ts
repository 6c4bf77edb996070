import type { JobKind, LatencyView, WaiterView } from '../../src/wire.ts'
import { h, List, setText, type View } from '../dom.ts'
import type { Format } from '../format.ts'
import type { Model } from '../model.ts'
import { JOB_KINDS, SHORT_KINDS } from '../words.ts'

interface Row {
  readonly kind: JobKind
  readonly minute: LatencyView | undefined
  readonly quarter: LatencyView | undefined
  /** How long the oldest waiting job of this kind has waited. */
  readonly wait: number | undefined
  readonly format: Format
}

/** How long each kind of job takes, waiting included. */
export class LatencyTable {
  readonly #body = h('tbody')
  readonly #none = h('p', { class: 'note' }, 'No answers in the last 15 minutes.')
  readonly #table: HTMLTableElement
  readonly #list = new List<Row>(
    this.#body,
    ({ kind }) => kind,
    () => new LatencyRow(),
  )

  constructor(container: Element) {
    const cells = ['Job', 'median', 'p95', 'p95, 15 min'].map((title) => h('th', { scope: 'col' }, title))
    this.#table = h('table', { class: 'table' }, h('thead', {}, h('tr', {}, ...cells)), this.#body)
    container.append(this.#table, this.#none)
  }

  update({ report, now, format }: Model): void {
    const { minute, quarter } = report.windows
    const waits = oldestOf(report.waiting.first, now)
    const rows = JOB_KINDS.map((kind) => ({
      kind,
      minute: minute.latencies[kind],
      quarter: quarter.latencies[kind],
      wait: waits.get(kind),
      format,
    })).filter(({ minute, quarter, wait }) => (minute ?? quarter ?? wait) !== undefined)
    this.#list.update(rows)
    this.#table.hidden = rows.length === 0
    this.#none.hidden = rows.length > 0
  }
}

class LatencyRow implements View<Row> {
  readonly #name = h('th', { scope: 'row' })
  readonly #p50 = h('td')
  readonly #p95 = h('td')
  readonly #quarter = h('td', { class: 'aside' })
  readonly element = h('tr', {}, this.#name, this.#p50, this.#p95, this.#quarter)

  update({ kind, minute, quarter, wait, format }: Row): void {
    const said = (time: number | undefined) => (time === undefined ? '–' : format.duration(time))
    // A phone leaves it out.
    this.element.classList.toggle('past', minute === undefined && wait === undefined)
    setText(this.#name, SHORT_KINDS[kind])
    setText(this.#p50, said(minute?.p50))
    // Without an answer in the last minute, a kind that waits is the slowest of all.
    const isStuck = minute === undefined && wait !== undefined
    setText(this.#p95, isStuck ? `waits ${format.duration(wait)}` : said(minute?.p95))
    this.#p95.classList.toggle('stuck', isStuck)
    setText(this.#quarter, said(quarter?.p95))
  }
}

/** How long the oldest waiting job of each kind has waited. */
function oldestOf(waiters: readonly WaiterView[], now: number): ReadonlyMap<JobKind, number> {
  const waits = new Map<JobKind, number>()
  for (const { kind, at } of waiters) waits.set(kind, Math.max(waits.get(kind) ?? 0, now - at))
  return waits
}
