import type { AttemptView, DecisionView } from '../../src/wire.ts'
import { svg } from '../dom.ts'
import { toneOfAttempt } from '../words.ts'
import type { TimeScale } from './time-scale.ts'

/** Minimum width of a bar, in percent. */
const LEAST = 1.5

/** A request on the shared scale: its waits, and each attempt. The text beside it has the same information. */
export function timelineOf(
  { total, attempts }: Pick<DecisionView, 'total' | 'attempts'>,
  scale: TimeScale,
): SVGSVGElement {
  const drawing = line(bar('whole', 0, scale.at(total), 4, 2))
  for (const tick of scale.ticks)
    drawing.append(
      svg('rect', { class: 'tick', x: String(scale.at(tick)), y: '0', width: '0.4', height: '10' }),
    )
  for (const attempt of attempts) {
    const { start, time } = attempt
    const from = scale.at(start)
    const drawn = bar('attempt', from, scale.at(start + time) - from, 1, 8)
    drawn.dataset['tone'] = toneOfAttempt(attempt)
    drawing.append(drawn)
  }
  return drawing
}

/** One attempt on the line of its request: connecting, waiting for the first byte, and the answer. */
export function attemptLine(attempt: AttemptView, total: number): SVGSVGElement {
  const { start, time, connect = 0, firstByte = time } = attempt
  const scale = 100 / Math.max(total, 0.1)
  const drawing = line(
    bar('whole', 0, 100, 4, 2),
    bar('connect', start * scale, connect * scale, 1, 8, 0),
    bar('work', (start + connect) * scale, (firstByte - connect) * scale, 1, 8),
    bar('answer', (start + firstByte) * scale, (time - firstByte) * scale, 1, 8, 0),
  )
  drawing.dataset['tone'] = toneOfAttempt(attempt)
  return drawing
}

function line(...bars: SVGElement[]): SVGSVGElement {
  const attributes = {
    class: 'timeline',
    viewBox: '0 0 100 10',
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  }
  return svg('svg', attributes, ...bars)
}

function bar(
  kind: string,
  x: number,
  width: number,
  y: number,
  height: number,
  least = LEAST,
): SVGRectElement {
  const wide = Math.min(100, Math.max(least, width))
  const attributes = { x: Math.min(x, 100 - wide), y, width: wide, height }
  const written = Object.entries(attributes).map(([name, value]) => [
    name,
    String(Math.round(value * 100) / 100),
  ])
  return svg('rect', { class: kind, ...Object.fromEntries(written) })
}
