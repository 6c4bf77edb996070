/** Formats numbers for the locale of the browser, with the same units everywhere. */
export interface Format {
  count(value: number): string
  /** A rate: 0.12, 3.4, 120. */
  rate(value: number): string
  share(value: number): string
  /** Milliseconds: `12 ms`, `1.2 s`, `3 min 5 s`, `2 h 5 min`. */
  duration(milliseconds: number): string
  bytes(value: number): string
  /** The time of day of a moment of `Date.now()`, with its seconds. */
  time(moment: number): string
  /** The time of day without its seconds. */
  clock(moment: number): string
  /** The time of day, with the date unless both moments are of the same day. */
  moment(moment: number, now: number): string
}

/** @param locale Default: the browser's. */
export function formatFor(locale?: string): Format {
  const number = (digits: number) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits })
  const [whole, tenths, hundredths] = [number(0), number(1), number(2)]
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 })
  const finePercent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 })
  const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
  const short = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' })
  const dated = new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  })
  const isSameDay = (a: number, b: number) => new Date(a).toDateString() === new Date(b).toDateString()
  const scaled = (value: number) => (value >= 10 ? whole : value >= 1 ? tenths : hundredths).format(value)
  return {
    count: (value) => whole.format(value),
    rate: scaled,
    // Neither must 99.7 % become 100 %, nor 0.3 % nothing.
    share(value) {
      if (value > 0 && value < 0.005) return `<${percent.format(0.01)}`
      const isAlmostAll = value > 0.99 && value < 1
      return isAlmostAll ? finePercent.format(Math.min(value, 0.999)) : percent.format(value)
    },
    duration: (milliseconds) => duration(milliseconds, whole, tenths),
    bytes(value) {
      const power = value < 1000 ? 0 : value < 1_000_000 ? 1 : 2
      return `${(power === 0 ? whole : tenths).format(value / 1000 ** power)}${NARROW}${['B', 'kB', 'MB'][power]}`
    },
    time: (moment) => clock.format(moment),
    clock: (moment) => short.format(moment),
    moment: (moment, now) => (isSameDay(moment, now) ? short : dated).format(moment),
  }
}

/** A narrow no-break space, between a number and its unit. */
const NARROW = '\u202f'

function duration(milliseconds: number, whole: Intl.NumberFormat, tenths: Intl.NumberFormat): string {
  const of = (value: number, unit: string, format = whole) => `${format.format(value)}${NARROW}${unit}`
  const both = (large: string, small: number, unit: string) =>
    small === 0 ? large : `${large} ${of(small, unit)}`
  if (milliseconds < 9.95) return of(milliseconds, 'ms', tenths)
  if (milliseconds < 999.5) return of(milliseconds, 'ms')
  if (milliseconds < 9_950) return of(milliseconds / 1000, 's', tenths)
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 60) return of(seconds, 's')
  if (seconds < 3600) return both(of(Math.floor(seconds / 60), 'min'), seconds % 60, 's')
  return both(of(Math.floor(seconds / 3600), 'h'), Math.floor((seconds % 3600) / 60), 'min')
}
