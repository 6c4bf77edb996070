import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRouter } from '@immich-ml-router/core'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { makeApp } from '@immich-ml-router/example-express-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'
import { panels, type Values } from './metrics/panels.ts'
import { Prometheus, type Sample } from './metrics/prometheus.ts'
import { Scene } from './metrics/scene.ts'
import { BULK_FAILURES, BULK_JOBS, PAUSED, round } from './metrics/truth.ts'
import { ROOT } from './support/docs.ts'
import { itNeeds } from './support/tools.ts'

interface Panel {
  readonly title: string
  readonly datasource?: { readonly uid: string }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const dashboard = JSON.parse(readFileSync(join(ROOT, 'examples/monitoring/dashboard.json'), 'utf8'))
const shown = (dashboard.panels as readonly Panel[]).filter(({ targets }) => targets !== undefined)

describe('the dashboard', () => {
  itNeeds('prometheus')(
    'shows in each panel what has happened, from a Prometheus that has scraped a gateway',
    async () => {
      const scene = await Scene.start(makeApp)
      const prometheus = await Prometheus.start(scene.gateway.metricsUrl)
      // A rate begins with the second value of a series: those of the first round make all series.
      await scene.round()
      const from = await prometheus.nextScrape()
      await scene.round()
      const goOn = await scene.pause()
      const to = await prometheus.nextScrape()
      const [, held = 0] = scene.held
      const { start = 0, jobs, failures } = (await scene.run()) ?? {}
      expect({ jobs, failures }).toEqual({ jobs: 2 * BULK_JOBS, failures: 2 * BULK_FAILURES })
      const run = { jobs: 2 * BULK_JOBS, failures: 2 * BULK_FAILURES, time: to - start }
      const truth = panels(round(2, held), (to - from) / 1_000, PAUSED, run)
      expect(shown.map(({ title }) => title).sort()).toEqual(Object.keys(truth).sort())
      for (const { title, targets = [] } of shown) {
        const values: Values[] = []
        for (const { expr, legendFormat } of targets) {
          // From just before the one scrape to the other; then the rate is what happened by the time between them.
          const query = expr.replaceAll('$__rate_interval', `${to - from + 1}ms`).replaceAll('$job', '.+')
          values.push(valuesOf(await prometheus.query(query, to), legendFormat))
        }
        expect({ title, values }).toEqual({ title, values: truth[title]?.map(roughly) })
      }
      await goOn()
    },
    90_000,
  )

  it('takes everything from the data source that is chosen', () => {
    expect(new Set(shown.map(({ datasource }) => datasource?.uid))).toEqual(new Set(['$' + '{datasource}']))
  })

  it('shows every metric of the router', () => {
    const router = createRouter({ backends: { gpu: { url: 'http://gpu' } } })
    onTestFinished(() => router.close())
    const { registry } = routerMetrics(router)
    const queries = shown.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n')
    const names = registry.getMetricsAsArray().map(({ name }) => name)
    expect(names.filter((name) => !queries.includes(name))).toEqual([])
  })
})

/** What Grafana would show: by legend, and nothing where there is no number. */
function valuesOf(samples: readonly Sample[], legend: string): Values {
  const named = samples.map(({ metric, value }): [string, number] => [
    legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
    value,
  ])
  return Object.fromEntries(named.filter(([, value]) => !Number.isNaN(value)))
}

/** The same but for one percent: the interval is a millisecond longer than the time, which is 200 ms at least. */
function roughly(values: Values): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      expect.toSatisfy((it: number) => Math.abs(it - value) <= value / 100, `about ${value}`),
    ]),
  )
}
