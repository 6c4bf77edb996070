import type { RunView } from '../src/wire.ts'
import type { Format } from './format.ts'
import { JOB_KINDS, SHORT_KINDS } from './words.ts'

const NO_BREAK = '\u00a0'

/** A run in short sentences. */
export interface RunWords {
  /** `1,240 images since 03:11`. */
  readonly count: string
  /** `32/s, gpu 91 % busy`. */
  readonly speed: string
  /** What is left of it, or how it ended. */
  readonly rest: string
  /** Jobs by kind, when there are several kinds. */
  readonly kinds: string
}

const UNKNOWN_END = 'set immich to see what remains'

/** @param knowsImmich Whether the configuration has Immich. */
export function runInWords(run: RunView, wall: number, format: Format, knowsImmich: boolean): RunWords {
  const { start, end, jobs, rate, failures, remaining, expectedEnd } = run
  const failed = failures === 0 ? 'none failed' : `${format.count(failures)} failed`
  const speed = `On average ${[`${format.rate(rate)}/s`, ...busyOf(run, format).slice(0, 2)].join(', ')}`
  const count = `${format.count(jobs)} ${unitOf(run)}`
  const kinds = kindsOf(run, format)
  if (end !== undefined) {
    const ended = `${format.moment(start, wall)} to ${format.moment(end, wall)}, ${format.duration(end - start)}`
    return { count, speed, rest: sentence([ended, failed]), kinds }
  }
  const left = [
    ...(remaining === undefined ? [] : [`${format.count(remaining)} remain`]),
    ...(expectedEnd === undefined ? [] : [`done at about ${format.moment(expectedEnd, wall)}`]),
    ...(remaining === undefined && !knowsImmich ? [UNKNOWN_END] : []),
  ]
  return {
    count: `${count} since ${format.moment(start, wall)}`,
    speed,
    rest: sentence([failed, ...left]),
    kinds,
  }
}

function sentence(parts: readonly string[]): string {
  const text = parts.join('; ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** One job of a single kind is one image. With several kinds, an image has several jobs. */
export function unitOf({ jobs, kinds }: RunView): string {
  const used = JOB_KINDS.filter((kind) => (kinds[kind] ?? 0) > 0)
  const isImages = used.length === 1 && used[0] !== 'other'
  return (isImages ? 'image' : 'job') + (jobs === 1 ? '' : 's')
}

/** `gpu 91 % busy`, the busiest first. */
export function busyOf({ backends }: RunView, format: Format): string[] {
  return Object.entries(backends)
    .flatMap(([name, { busy }]) => (busy === undefined ? [] : [{ name, busy }]))
    .sort((a, b) => b.busy - a.busy)
    .map(({ name, busy }) => `${name} ${format.share(busy)} busy`)
}

/** Jobs by kind; a line breaks only between two kinds. */
export function kindsOf({ kinds }: RunView, format: Format): string {
  return JOB_KINDS.flatMap((kind) => {
    const count = kinds[kind] ?? 0
    return count === 0 ? [] : `${SHORT_KINDS[kind]} ${format.count(count)}`.replaceAll(' ', NO_BREAK)
  }).join(' · ')
}
