import type { DecisionView, JobKind, LatencyView } from '../../src/wire.ts'
import { h, setText, type View } from '../dom.ts'
import { Sign } from '../icons.ts'
import type { Model } from '../model.ts'
import { FATES, jobInWords, KINDS, wayOf } from '../words.ts'
import { detailsOf } from './details.ts'
import type { TimeScale } from './time-scale.ts'
import { timelineOf } from './timeline.ts'

export interface Row {
  readonly decision: DecisionView
  readonly model: Model
  readonly scale: TimeScale
}

/** One completed request. Only its place on the scale, and whether it counts as slow, may change. */
export class RowView implements View<Row> {
  readonly #decision: DecisionView
  readonly #details = h('details')
  readonly #slow = h('span', { class: 'slow' })
  readonly #why = h('span', { class: 'unseen' })
  readonly element = h('li', {}, this.#details)
  #timeline: SVGSVGElement
  #end: number

  constructor({ decision, model: { wallOf, format }, scale }: Row) {
    const { fate, job, total, at, status } = decision
    const { label, tone } = FATES[fate]
    const { name, models } = jobInWords(job)
    const outcome = fate === 'job-failed' && status !== undefined ? `${label} (${status})` : label
    this.#decision = decision
    this.#timeline = timelineOf(decision, scale)
    this.#end = scale.end
    this.element.dataset['fate'] = fate
    this.#details.append(
      h(
        'summary',
        {},
        h('time', {}, format.time(wallOf(at + total))),
        h('span', { class: 'fate' }, new Sign(tone).element, h('span', {}, outcome)),
        h('span', { class: 'job' }, name, ' ', h('small', {}, models)),
        h('span', { class: 'way' }, wayOf(decision)),
        this.#timeline,
        h('span', { class: 'total' }, this.#slow, format.duration(total), this.#why),
      ),
    )
    this.#details.addEventListener('toggle', () => {
      if (this.#details.childElementCount === 1) this.#details.append(detailsOf(decision, format))
    })
  }

  update({ model, scale }: Row): void {
    if (scale.end !== this.#end) {
      const drawn = timelineOf(this.#decision, scale)
      this.#timeline.replaceWith(drawn)
      this.#timeline = drawn
      this.#end = scale.end
    }
    const limit = slowerThan(this.#decision, model)
    const why =
      limit === undefined
        ? ''
        : `above the p95 of ${KINDS[this.#decision.kind]} in the last 15 minutes, ${model.format.duration(limit)}`
    setText(this.#slow, why === '' ? '' : 'slow ')
    setText(this.#why, why)
    this.#slow.title = why
  }
}

/** Fewer jobs have no meaningful p95. */
const LEAST_COUNT = 20

/** The p95 of its kind of job in the last 15 minutes, if the request took longer. */
function slowerThan({ kind, total }: DecisionView, { report }: Model): number | undefined {
  const latencies: { readonly [kind in JobKind]?: LatencyView | undefined } = report.windows.quarter.latencies
  const own = latencies[kind]
  return own !== undefined && own.count >= LEAST_COUNT && total > own.p95 ? own.p95 : undefined
}
