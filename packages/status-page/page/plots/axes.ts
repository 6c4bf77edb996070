const MINUTE = 60
const HOUR = 60 * MINUTE
const STEPS = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR]

/**
 * Round times of the day between two times.
 *
 * @param from In seconds, like `Date.now() / 1000`.
 * @param most The number of labels that have room.
 * @param offset Minutes between UTC and the local time, as of `Date#getTimezoneOffset`.
 */
export function roundTimes(from: number, to: number, most: number, offset: number): number[] {
  const step = STEPS.find((candidate) => (to - from) / candidate <= most) ?? 24 * HOUR
  const shift = offset * MINUTE
  const times: number[] = []
  for (let time = Math.ceil((from - shift) / step) * step + shift; time <= to; time += step) times.push(time)
  return times
}

/** The powers of ten that include both values; at least two. */
export function powersOfTen(lowest: number, highest: number): number[] {
  const first = Math.floor(Math.log10(Math.max(lowest, 1e-3)))
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(highest, 1e-3))))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}
