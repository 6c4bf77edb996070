import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { RouterStatus } from '../router/router.ts'

/** A value for each label. */
export type Labels<N extends string> = Readonly<Record<N, string>>

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
function configure(context: MetricContext, shortName: string, help: string, labelNames: readonly string[]) {
  const name = context.prefix + shortName
  context.names.push(name)
  return { name, help, labelNames, registers: [context.registry] }
}

/** A metric that is updated on each event. It knows its series, so that those of removed routes and backends can be dropped. */
abstract class Family<N extends string> {
  readonly #labels: readonly string[]
  readonly #series = new Map<string, Labels<N>>()

  constructor(labels: readonly string[]) {
    this.#labels = labels
  }

  /** Creates a series with the value 0: Prometheus cannot see the increase of a series that starts above 0. */
  abstract begin(labels: Labels<N>): void

  protected abstract remove(labels: Labels<N>): void

  /** @returns Whether the series is new. */
  protected isNew(labels: Labels<N>): boolean {
    const values: Readonly<Record<string, string>> = labels
    let key = ''
    for (const name of this.#labels) key += `${values[name]}\n`
    if (this.#series.has(key)) return false
    this.#series.set(key, labels)
    return true
  }

  /** Drops the series whose labels are not kept. */
  prune(keeps: (labels: Partial<Labels<string>>) => boolean): void {
    for (const [key, labels] of this.#series) {
      if (keeps(labels)) continue
      this.#series.delete(key)
      this.remove(labels)
    }
  }
}

/** The optional labels `model` and `tenant` are not part of the type. */
export type LabelNames<N extends string> = readonly (N | 'model' | 'tenant')[]

export class Count<N extends string> extends Family<N> {
  readonly #counter: Counter

  constructor(context: MetricContext, name: string, help: string, labels: LabelNames<N>) {
    super(labels)
    this.#counter = new Counter({ ...configure(context, name, help, labels), collect: context.beforeRead })
  }

  add(labels: Labels<N>, amount = 1): void {
    this.isNew(labels)
    this.#counter.inc(labels, amount)
  }

  override begin(labels: Labels<N>): void {
    this.add(labels, 0)
  }

  protected override remove(labels: Labels<N>): void {
    this.#counter.remove(labels)
  }
}

/** A histogram of durations. */
export class Durations<N extends string> extends Family<N> {
  readonly #histogram: Histogram

  /** @param upTo Upper bounds of its buckets, in seconds. */
  constructor(
    context: MetricContext,
    name: string,
    help: string,
    labels: LabelNames<N>,
    upTo: readonly number[],
  ) {
    super(labels)
    const { beforeRead: collect } = context
    this.#histogram = new Histogram({
      ...configure(context, name, help, labels),
      buckets: [...upTo],
      collect,
    })
  }

  observe(labels: Labels<N>, milliseconds: number): void {
    this.isNew(labels)
    this.#histogram.observe(labels, milliseconds / 1_000)
  }

  override begin(labels: Labels<N>): void {
    if (this.isNew(labels)) this.#histogram.zero(labels)
  }

  protected override remove(labels: Labels<N>): void {
    this.#histogram.remove(labels)
  }
}

/** One value of a gauge. */
export type Reading<N extends string> = readonly [labels: Labels<N>, value: number]

/** A gauge that reads the router's status at each scrape. */
export function gauge<N extends string>(
  context: MetricContext,
  status: () => RouterStatus,
  name: string,
  help: string,
  labels: readonly N[],
  read: (status: RouterStatus) => Iterable<Reading<N>>,
): void {
  new Gauge<string>({
    ...configure(context, name, help, labels),
    collect() {
      this.reset()
      for (const [values, value] of read(status())) this.set(values, value)
    },
  })
}
