import { h } from '../dom.ts'
import type { Model } from '../model.ts'
import { type Buckets, dayBuckets, recentBuckets } from './buckets.ts'
import { busyChart, busyPlot } from './busy-chart.ts'
import { CanvasPlot } from './canvas-plot.ts'
import type { PlotMark } from './chart.ts'
import { DataTable } from './data-table.ts'
import { EventList } from './event-list.ts'
import { markOf } from './event-words.ts'
import { jobsChart, jobsPlot } from './jobs-chart.ts'
import { latencyChart, latencyPlot } from './latency-chart.ts'

/** Plots of one length of time, with the events as marks. */
class Plots {
  readonly #jobs: CanvasPlot
  readonly #latency: CanvasPlot
  readonly #busy: CanvasPlot
  readonly #table: DataTable

  /** @param name Also the key by which the plots share their cursor. */
  constructor(container: Element, name: string) {
    this.#jobs = new CanvasPlot(jobsChart, name)
    this.#latency = new CanvasPlot(latencyChart, name)
    this.#busy = new CanvasPlot(busyChart, name)
    this.#table = new DataTable(`Values of the last ${name}`)
    const plots = [this.#jobs, this.#busy, this.#latency].map(({ element }) => element)
    container.append(h('div', { class: 'plots' }, ...plots), this.#table.element)
  }

  update(buckets: Buckets, { format }: Model): void {
    const jobs = jobsPlot(buckets, format)
    const latency = latencyPlot(buckets, format)
    const busy = busyPlot(buckets, format)
    this.#jobs.update(jobs)
    this.#latency.update(latency)
    this.#busy.update(busy)
    this.#table.update([
      ['Jobs', jobs],
      ['Busy', busy],
      ['Latency p95', latency],
    ])
  }
}

/** The plots of the last 15 minutes and of the last 24 hours, and the events. */
export class History {
  readonly #recent: Plots
  readonly #day: Plots
  readonly #events: EventList

  constructor(recent: Element, day: Element) {
    this.#recent = new Plots(recent, '15 minutes')
    this.#day = new Plots(day, '24 hours')
    this.#events = new EventList(day)
  }

  update(model: Model): void {
    const marks: readonly PlotMark[] = model.store.events.map(markOf)
    this.#recent.update(recentBuckets(model, marks), model)
    this.#day.update(dayBuckets(model, marks), model)
    this.#events.update(marks, model)
  }
}
