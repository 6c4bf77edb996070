import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { RouterStatus } from '../router/router.ts'

/** A value for each label. */
export type Labels<N extends string> = Readonly<Record<N, string>>

/** The name, help and labels of a metric. The optional label `model` is not part of its type. */
export interface Description<N extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly (N | 'model')[]
}

/** The registry of the metrics, and what they share. */
export interface MetricContext {
  readonly registry: Registry
  readonly prefix: string
  /** Full names of the metrics created so far. */
  readonly names: string[]
  /** Called before a metric is read. */
  readonly beforeRead: () => void
}

/** The configuration that every prom-client metric takes. */
function configure<N extends string>(
  { registry, prefix, names }: MetricContext,
  description: Description<N>,
) {
  const name = prefix + description.name
  names.push(name)
  return { name, help: description.help, labelNames: description.labels, registers: [registry] }
}

/** The series of a metric, so that those of removed routes and backends can be dropped. */
class SeriesIndex<N extends string> {
  readonly #names: readonly string[]
  readonly #byKey = new Map<string, Labels<N>>()

  constructor(names: readonly string[]) {
    this.#names = names
  }

  /** @returns Whether it is new. */
  add(labels: Labels<N>): boolean {
    const values: Readonly<Record<string, string>> = labels
    let key = ''
    for (const name of this.#names) key += `${values[name]}\n`
    if (this.#byKey.has(key)) return false
    this.#byKey.set(key, labels)
    return true
  }

  /** Drops series. @returns The labels of the dropped series. */
  prune(keeps: (labels: Labels<N>) => boolean): Labels<N>[] {
    const dropped: Labels<N>[] = []
    for (const [key, labels] of this.#byKey) {
      if (keeps(labels)) continue
      this.#byKey.delete(key)
      dropped.push(labels)
    }
    return dropped
  }
}

/** A metric that is updated on each event: a counter or a histogram. */
interface Family<N extends string = never> {
  /** Creates a series with the value 0: Prometheus cannot see the increase of a series that starts above 0. */
  begin(labels: Labels<N>): void
  /** Drops the series whose labels are not kept. */
  prune(keeps: (labels: Partial<Labels<string>>) => boolean): void
}

export class Count<N extends string> implements Family<N> {
  readonly #counter: Counter
  readonly #series: SeriesIndex<N>

  constructor(context: MetricContext, description: Description<N>) {
    this.#series = new SeriesIndex(description.labels)
    this.#counter = new Counter({ ...configure(context, description), collect: context.beforeRead })
  }

  add(labels: Labels<N>, amount = 1): void {
    this.#series.add(labels)
    this.#counter.inc(labels, amount)
  }

  begin(labels: Labels<N>): void {
    this.add(labels, 0)
  }

  prune(keeps: (labels: Partial<Labels<string>>) => boolean): void {
    for (const labels of this.#series.prune(keeps)) this.#counter.remove(labels)
  }
}

/** A histogram of durations. */
export class Durations<N extends string> implements Family<N> {
  readonly #histogram: Histogram
  readonly #series: SeriesIndex<N>

  /** @param buckets Upper bounds, in seconds. */
  constructor(context: MetricContext, description: Description<N>, buckets: readonly number[]) {
    this.#series = new SeriesIndex(description.labels)
    this.#histogram = new Histogram({
      ...configure(context, description),
      buckets: [...buckets],
      collect: context.beforeRead,
    })
  }

  observe(labels: Labels<N>, milliseconds: number): void {
    this.#series.add(labels)
    this.#histogram.observe(labels, milliseconds / 1_000)
  }

  begin(labels: Labels<N>): void {
    if (this.#series.add(labels)) this.#histogram.zero(labels)
  }

  prune(keeps: (labels: Partial<Labels<string>>) => boolean): void {
    for (const labels of this.#series.prune(keeps)) this.#histogram.remove(labels)
  }
}

/** One value of a gauge. */
export type Reading<N extends string> = readonly [labels: Labels<N>, value: number]

/** A gauge that reads the router's status at each scrape. */
export function gauge<N extends string>(
  context: MetricContext,
  description: Description<N>,
  status: () => RouterStatus,
  read: (status: RouterStatus) => Iterable<Reading<N>>,
): void {
  new Gauge<string>({
    ...configure(context, description),
    collect() {
      this.reset()
      for (const [values, value] of read(status())) this.set(values, value)
    },
  })
}
