import type { QueuesView, QueueView } from '../src/wire.ts'
import type { Format } from './format.ts'

const NAMES: Readonly<Record<QueueView['name'], string>> = {
  smartSearch: 'Smart search',
  faceDetection: 'Faces',
  ocr: 'Text recognition (OCR)',
}

/** What is wrong with Immich's answers; empty when nothing is. */
export function problemOf({ problem, updated }: QueuesView): string {
  if (problem !== undefined) return `${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`
  return updated === undefined ? 'Immich has not answered yet.' : ''
}

/** One queue in words. @param wall The time of now, as `Date.now()`. */
export function lineOf(queue: QueueView, wall: number, format: Format): string {
  const { name, remaining, pausedBy, expectedEnd, lost } = queue
  const end = expectedEnd === undefined ? undefined : format.duration(Math.max(0, expectedEnd - wall))
  return [
    `${NAMES[name]}: ${remaining === 0 ? 'nothing' : format.count(remaining)} left`,
    ...(end === undefined ? [] : [`done in about ${end}`]),
    ...(pausedBy === 'router' ? ['paused by the router until a backend works'] : []),
    ...(pausedBy === 'user' ? ['paused in Immich'] : []),
    ...(lost === 0 ? [] : [`${format.count(lost)} lost, queued again once the backends work`]),
  ].join('; ')
}
