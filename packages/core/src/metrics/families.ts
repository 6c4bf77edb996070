import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { RouterStatus } from '../router/router.ts'

/** Label values, every one of them. */
export type Labels<N extends string> = Readonly<Record<N, string>>

/** What a metric of any type is called, and what it says. Some have labels more by option, which are not in its type. */
export interface Description<N extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly (N | 'model')[]
}

/** Where metrics live, and what they are read with. */
export interface Home {
  readonly registry: Registry
  readonly prefix: string
  /** Those that were made. */
  readonly names: string[]
  /** Called before any of them is read. */
  readonly beforeRead: () => void
}

/** What prom-client wants to know of any of them. */
function configure<N extends string>({ registry, prefix, names }: Home, description: Description<N>) {
  const name = prefix + description.name
  names.push(name)
  return { name, help: description.help, labelNames: description.labels, registers: [registry] }
}

/** Which series of a metric there are: those of routes and backends that are gone are to go, too. */
class Existing<N extends string> {
  readonly #names: readonly string[]
  readonly #series = new Map<string, Labels<N>>()

  constructor(names: readonly string[]) {
    this.#names = names
  }

  /** @returns Whether it is new. */
  note(labels: Labels<N>): boolean {
    const values: Readonly<Record<string, string>> = labels
    let key = ''
    for (const name of this.#names) key += `${values[name]}\n`
    if (this.#series.has(key)) return false
    this.#series.set(key, labels)
    return true
  }

  /** @returns Those that were there, and are not any more. */
  prune(keeps: (labels: Labels<N>) => boolean): Labels<N>[] {
    const gone: Labels<N>[] = []
    for (const [key, labels] of this.#series) {
      if (keeps(labels)) continue
      this.#series.delete(key)
      gone.push(labels)
    }
    return gone
  }
}

/** What both kinds of metrics that are written as things happen have. */
export interface Family<N extends string = never> {
  /** Makes a series, so that Prometheus sees it begin with zero: it does not see how large a first value is. */
  begin(labels: Labels<N>): void
  /** Drops the series whose labels are not kept. */
  prune(keeps: (labels: Partial<Labels<string>>) => boolean): void
}

export class Count<N extends string> implements Family<N> {
  readonly #counter: Counter
  readonly #existing: Existing<N>

  constructor(home: Home, description: Description<N>) {
    this.#existing = new Existing(description.labels)
    this.#counter = new Counter({ ...configure(home, description), collect: home.beforeRead })
  }

  add(labels: Labels<N>, amount = 1): void {
    this.#existing.note(labels)
    this.#counter.inc(labels, amount)
  }

  begin(labels: Labels<N>): void {
    this.add(labels, 0)
  }

  prune(keeps: (labels: Partial<Labels<string>>) => boolean): void {
    for (const labels of this.#existing.prune(keeps)) this.#counter.remove(labels)
  }
}

/** A histogram of durations. */
export class Durations<N extends string> implements Family<N> {
  readonly #histogram: Histogram
  readonly #existing: Existing<N>

  /** @param buckets Upper bounds, in seconds. */
  constructor(home: Home, description: Description<N>, buckets: readonly number[]) {
    this.#existing = new Existing(description.labels)
    this.#histogram = new Histogram({
      ...configure(home, description),
      buckets: [...buckets],
      collect: home.beforeRead,
    })
  }

  observe(labels: Labels<N>, milliseconds: number): void {
    this.#existing.note(labels)
    this.#histogram.observe(labels, milliseconds / 1_000)
  }

  begin(labels: Labels<N>): void {
    if (this.#existing.note(labels)) this.#histogram.zero(labels)
  }

  prune(keeps: (labels: Partial<Labels<string>>) => boolean): void {
    for (const labels of this.#existing.prune(keeps)) this.#histogram.remove(labels)
  }
}

/** One value of a gauge. */
export type Reading<N extends string> = readonly [labels: Labels<N>, value: number]

/** A gauge that is read off the router's status when it is asked for. */
export function gauge<N extends string>(
  home: Home,
  description: Description<N>,
  status: () => RouterStatus,
  read: (status: RouterStatus) => Iterable<Reading<N>>,
): void {
  new Gauge<string>({
    ...configure(home, description),
    collect() {
      this.reset()
      for (const [values, value] of read(status())) this.set(values, value)
    },
  })
}
