import type { Latencies } from '../../src/wire.ts'
import { h } from '../dom.ts'
import type { Format } from '../format.ts'
import { JOB_KINDS, KINDS } from '../words.ts'

/** How long a backend takes for each kind of job. */
export class JobTable {
  readonly #body = h('tbody')
  readonly element = h(
    'table',
    { class: 'table' },
    h('caption', { class: 'unseen' }, 'Duration at this backend, without waiting in the router'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ...['Job, without waiting', 'median', 'p95', 'p95, 15 min'].map((text) =>
          h('th', { scope: 'col' }, text),
        ),
      ),
    ),
    this.#body,
  )
  #shown = ''

  update(minute: Latencies, quarter: Latencies, format: Format): void {
    const said = (time: number | undefined) => (time === undefined ? '–' : format.duration(time))
    const rows = JOB_KINDS.flatMap((kind) => {
      const [now, before] = [minute[kind], quarter[kind]]
      return now === undefined && before === undefined
        ? []
        : [[KINDS[kind], said(now?.p50), said(now?.p95), said(before?.p95)] as const]
    })
    const shown = JSON.stringify(rows)
    if (shown === this.#shown) return
    this.#shown = shown
    this.element.hidden = rows.length === 0
    this.#body.replaceChildren(
      ...rows.map(([name, p50, p95, before]) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, name),
          h('td', {}, p50),
          h('td', {}, p95),
          h('td', { class: 'aside' }, before),
        ),
      ),
    )
  }
}
