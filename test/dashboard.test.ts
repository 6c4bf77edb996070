import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRouter } from '@immich-ml-router/core'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { makeApp } from '@immich-ml-router/example-express-gateway'
import { startGateway } from '@immich-ml-router/gateway-kit'
import type { Report } from '@immich-ml-router/status-page'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { panels, type Values } from './metrics/panels.ts'
import { Prometheus, type Sample } from './metrics/prometheus.ts'
import { BODIES, Scene } from './metrics/scene.ts'
import { BULK_FAILURES, BULK_JOBS, PAUSED, round } from './metrics/truth.ts'
import { post } from './support/client.ts'
import { ROOT } from './support/docs.ts'
import { stubMl } from './support/servers.ts'
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

  itNeeds('prometheus')(
    'shows the run and the busy shares of the status page',
    async () => {
      const stubs = { gpu: await stubMl({ serviceTime: 40 }), nas: await stubMl({ serviceTime: 20 }) }
      const options = {
        backends: { gpu: { url: stubs.gpu.url }, nas: { url: stubs.nas.url } },
        routes: [{ match: { task: 'clip' }, backends: ['gpu'] }, { backends: ['nas'] }],
        health: false as const,
      }
      const config = { port: 0, source: 'the test', options, statusPage: {} }
      const gateway = await startGateway({ makeApp, config, logger: pino({ level: 'silent' }) })
      onTestFinished(() => gateway.close())
      const prometheus = await Prometheus.start(gateway.metricsUrl)
      const from = await prometheus.nextScrape()
      for (let i = 0; i < 40; i++) await post(gateway.url, BODIES.image)
      for (let i = 0; i < 20; i++) await post(gateway.url, BODIES.faces)
      const to = await prometheus.nextScrape()
      const report = (await (await fetch(`${gateway.url}/_router/status.json`)).json()) as Report
      const { minute } = report.windows
      const query = async (title: string) => {
        const { expr = '', legendFormat = '' } =
          shown.find((panel) => panel.title === title)?.targets?.[0] ?? {}
        const asked = expr.replaceAll('$__rate_interval', `${to - from + 1}ms`).replaceAll('$job', '.+')
        return valuesOf(await prometheus.query(asked, to), legendFormat)
      }
      expect(await query('Current run')).toEqual({ '': report.runs[0]?.jobs })
      const busy = await query('Busy')
      for (const backend of report.backends) {
        const seconds = (backend.minute.busy * minute.length) / 1_000
        expect((busy[backend.name] ?? 0) * ((to - from) / 1_000)).toBeCloseTo(seconds, 1)
        // 40 and 20 answers of 40 and 20 ms, which take a little longer.
        expect(seconds).toBeGreaterThan(backend.name === 'gpu' ? 1.5 : 0.38)
        const run = report.runs[0]
        const time = (run?.jobs ?? 0) / (run?.rate ?? 1)
        expect((run?.backends[backend.name]?.busy ?? 0) * time).toBeCloseTo(seconds, 1)
      }
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
