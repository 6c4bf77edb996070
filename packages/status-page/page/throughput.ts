import type { Fate, SpanView } from '../src/wire.ts'
import { svg } from './dom.ts'
import type { Model } from './model.ts'
import type { Chart } from './plot.ts'
import { linear } from './scale.ts'
import { FATES } from './words.ts'

/** From bottom to top. */
const STACK: readonly Fate[] = ['answered', 'rescued', 'job-failed', 'left', 'refused', 'failed']
/** Shortest time over which the rate of the current span is computed, in milliseconds. */
const LEAST_TIME = 4_000

/** Requests per second, by fate. */
export const throughput: Chart = {
  title: 'Throughput',
  unit: 'requests per second',

  draw(group, model, { left, right, top, bottom }) {
    const rates = ratesOf(model)
    const highest = Math.max(0, ...rates.map((span) => sum(span)))
    const scale = linear(highest === 0 ? 1 : highest, bottom, top)
    const pitch = (right - left) / rates.length
    const width = Math.max(1, pitch - (pitch > 4 ? 1.25 : 0.5))
    const paths = new Map<Fate, string>(STACK.map((fate) => [fate, '']))
    for (const [i, rate] of rates.entries()) {
      const x = (left + i * pitch).toFixed(2)
      let below = 0
      for (const fate of STACK) {
        const own = rate?.[fate] ?? 0
        if (own === 0) continue
        const [y, base] = [scale.at(below + own), scale.at(below)]
        // One failure among thousands must be visible.
        const height = Math.max(base - y, 1.5)
        paths.set(
          fate,
          `${paths.get(fate)}M${x} ${(base - height).toFixed(2)}h${width.toFixed(2)}v${height.toFixed(2)}h-${width.toFixed(2)}z`,
        )
        below += own
      }
    }
    for (const [fate, d] of paths) if (d !== '') group.append(svg('path', { class: `fill ${fate}`, d }))
    return scale
  },

  label: (value, { format }) => format.rate(value),

  legend(model, span) {
    const { format, report } = model
    const { fates } = report.windows.quarter
    const rates = span === undefined ? undefined : ratesOf(model)[span]
    return STACK.filter((fate) => fates[fate] > 0 || fate === 'answered').map((fate) => ({
      mark: `fill ${fate}`,
      name: FATES[fate].label,
      value: span === undefined ? format.count(fates[fate]) : `${format.rate(rates?.[fate] ?? 0)}/s`,
    }))
  },

  summary({ report, format }) {
    const { fates } = report.windows.quarter
    const { rate } = report.windows.minute
    const parts = STACK.filter((fate) => fates[fate] > 0).map(
      (fate) => `${FATES[fate].label.toLowerCase()} ${format.count(fates[fate])}`,
    )
    return parts.length === 0
      ? 'No requests in the last 15 minutes.'
      : `${format.rate(rate)} requests per second in the last minute; in the last 15 minutes ${parts.join(', ')}.`
  },
}

type Rates = Readonly<Record<Fate, number>>

function ratesOf({ store, now }: Model): (Rates | undefined)[] {
  const { span } = store.limits
  const spans = store.spansUntil(now)
  const running = Math.max(LEAST_TIME, now % span)
  return spans.map((each, i) => each && rateOf(each, i === spans.length - 1 ? running : span))
}

function rateOf({ fates }: SpanView, time: number): Rates {
  const rate = (fate: Fate) => (fates[fate] * 1000) / time
  return {
    answered: rate('answered'),
    rescued: rate('rescued'),
    'job-failed': rate('job-failed'),
    left: rate('left'),
    refused: rate('refused'),
    failed: rate('failed'),
  }
}

function sum(rates: Rates | undefined): number {
  return rates === undefined ? 0 : STACK.reduce((total, fate) => total + rates[fate], 0)
}
