import type { AttemptView, DecisionView } from '../src/wire.ts'
import { svg } from './dom.ts'
import { toneOfAttempt } from './words.ts'

/** Minimum width of a bar, in percent. */
const LEAST = 1.5

/** A request as a line: waiting, and each attempt. The text beside it has the same information. */
export function timelineOf({ total, attempts }: Pick<DecisionView, 'total' | 'attempts'>): SVGSVGElement {
  const { drawing, scale } = lineOf(total)
  for (const attempt of attempts) {
    const { start, time } = attempt
    const drawn = bar('attempt', start * scale, time * scale, 1, 8)
    drawn.dataset['tone'] = toneOfAttempt(attempt)
    drawing.append(drawn)
  }
  return drawing
}

/** One attempt on the line of its request: connecting, waiting for the first byte, and the answer. */
export function attemptLine(attempt: AttemptView, total: number): SVGSVGElement {
  const { drawing, scale } = lineOf(total)
  const { start, time, connect = 0, firstByte = time } = attempt
  drawing.dataset['tone'] = toneOfAttempt(attempt)
  drawing.append(
    bar('connect', start * scale, connect * scale, 1, 8, 0),
    bar('work', (start + connect) * scale, (firstByte - connect) * scale, 1, 8),
    bar('answer', (start + firstByte) * scale, (time - firstByte) * scale, 1, 8, 0),
  )
  return drawing
}

/** The empty line of a request. */
function lineOf(total: number): { readonly drawing: SVGSVGElement; readonly scale: number } {
  const attributes = {
    class: 'timeline',
    viewBox: '0 0 100 10',
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  }
  return { drawing: svg('svg', attributes, bar('whole', 0, 100, 4, 2)), scale: 100 / Math.max(total, 0.1) }
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
