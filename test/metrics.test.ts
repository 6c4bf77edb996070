import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createRouter, type RouterConfig } from '@immich-ml-router/core'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { defaults } from '@immich-ml-router/core/parts'
import { immichBody } from '@immich-ml-router/core/testing'
import { makeApp as express } from '@immich-ml-router/example-express-gateway'
import { makeApp as koa } from '@immich-ml-router/example-koa-gateway'
import { startGateway } from '@immich-ml-router/gateway-kit'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Scene } from './metrics/scene.ts'
import { ScriptedMl } from './metrics/scripted-ml.ts'
import { counted, PREFIX, present, runs, seriesOf } from './metrics/series.ts'
import { BULK_FAILURES, BULK_JOBS, IDLE, PAUSED, round } from './metrics/truth.ts'
import { post } from './support/client.ts'
import { ROOT } from './support/docs.ts'
import { spawnGateway, startProcess } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { temporaryDirectory } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)
const document = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
const monitoring = join(ROOT, 'examples/monitoring')

async function metricsOf(scene: Scene) {
  const response = await fetch(scene.gateway.metricsUrl)
  return seriesOf(await response.text(), PREFIX)
}

describe.each([
  ['express', express],
  ['koa', koa],
])('the metrics of the %s gateway', (_, makeApp) => {
  it('say exactly what has happened, and how things are', async () => {
    const scene = await Scene.start(makeApp)
    await scene.round()
    const [first = 0] = scene.held
    const afterFirst = counted([round(1, first)])
    present(afterFirst, IDLE)
    // 18 bulk jobs are not yet a run.
    runs(afterFirst, { jobs: 0, failures: 0, start: 0 })
    expect(await metricsOf(scene)).toEqual(afterFirst.series)

    await scene.round()
    const goOn = await scene.pause()
    const [, second = 0] = scene.held
    const afterSecond = counted([round(1, first), round(2, second)])
    present(afterSecond, PAUSED)
    const { start = 0 } = (await scene.run()) ?? {}
    runs(afterSecond, { jobs: 2 * BULK_JOBS, failures: 2 * BULK_FAILURES, start })
    expect(await metricsOf(scene)).toEqual(afterSecond.series)
    await goOn()
  })

  itNeeds('promtool')('are found in order by promtool', async () => {
    const scene = await Scene.start(makeApp)
    await scene.round()
    const text = await (await fetch(scene.gateway.metricsUrl)).text()
    expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('')
  })
})

describe('the metrics of a configuration file', () => {
  it('say whether it was right when it was last read, and since when the router goes by it', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 })
    onTestFinished(() => void vi.useRealTimers())
    const right = { backends: { gpu: { url: 'http://gpu' } }, health: false } as const
    let read = async (): Promise<RouterConfig> => right
    const file = join(await temporaryDirectory(), 'router.yaml')
    const config = { port: 0, source: 'the test', options: right, file: { path: file, read: () => read() } }
    const gateway = await startGateway({ makeApp: express, config, logger: pino({ level: 'silent' }) })
    onTestFinished(() => gateway.close())
    const told = async () => {
      const text = await (await fetch(gateway.metricsUrl)).text()
      return Object.entries(seriesOf(text, `${PREFIX}config_`))
    }
    const [successful, since] = [
      'immich_ml_router_config_last_reload_successful',
      'immich_ml_router_config_last_reload_success_timestamp_seconds',
    ]
    const at = async (time: number, found: typeof read) => {
      vi.setSystemTime(time)
      read = found
      await gateway.reload?.()
      return told()
    }
    const wrong = { ...right, routes: [{ backends: ['gpuu'] }] }
    const ofStart = await told()
    expect(ofStart).toEqual([
      [successful, 1],
      [since, 1_000],
    ])
    const broken = [
      [successful, 0],
      [since, 1_000],
    ]
    expect(await at(2_000_000, () => Promise.reject(new Error('no YAML')))).toEqual(broken)
    expect(await at(3_000_000, async () => wrong)).toEqual(broken)
    expect(await at(4_000_000, async () => right)).toEqual([
      [successful, 1],
      [since, 4_000],
    ])
    expect(await at(5_000_000, async () => wrong)).toEqual([
      [successful, 0],
      [since, 4_000],
    ])
    for (const [name] of ofStart) expect(document).toContain(`\`${name}\``)
  })
})

describe.each(['package', 'koa'] as const)('the %s gateway as a process', (which) => {
  it('has its metrics, and those of the process, on its own port', async () => {
    const stub = await stubMl()
    const { url } = await startProcess(which, { ML_DEFAULT_URL: stub.url })
    await post(url, immichBody('textSearch', 'cat'))
    const response = await fetch(`${url}/metrics?module=any`)
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ])
    const text = await response.text()
    for (const name of [
      'immich_ml_router_requests_total{',
      'process_cpu_seconds_total ',
      'nodejs_version_info{',
    ])
      expect(text).toContain(`\n${name}`)
    const head = await fetch(`${url}/metrics`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404)
  })

  itNeeds('signals')('has them on another port by option, and not on its own, up to its end', async () => {
    const backend = await ScriptedMl.start()
    const env = { ML_DEFAULT_URL: backend.url, METRICS_PORT: '0' }
    const { url, lines, child, exited } = await startProcess(which, env)
    const metrics = String(lines.find((line) => line['metrics'] !== undefined)?.['metrics'])
    expect(new URL(metrics).port).not.toBe(new URL(url).port)
    expect(await (await fetch(metrics)).text()).toContain('immich_ml_router_active_requests 0')
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
    expect((await fetch(new URL('/ping', metrics))).status).toBe(404)
    const running = post(url, immichBody('textSearch', 'cat'))
    const job = await backend.next()
    child.kill('SIGTERM')
    await until(() => lines.some(({ msg }) => String(msg).startsWith('SIGTERM')), 'it is stopping')
    expect(await (await fetch(metrics)).text()).toContain('immich_ml_router_active_requests 1')
    job.answer()
    expect((await running).status).toBe(200)
    expect(await exited).toBe(0)
  })

  it('refuses a port that is none', async () => {
    const { exited, output } = spawnGateway(which, { METRICS_PORT: 'high' })
    expect(await exited).toBe(1)
    expect(output.join()).toContain('METRICS_PORT must be 0 to 65535, not "high".')
  })
})

describe('what we ship for Prometheus', () => {
  itNeeds('promtool')('is found in order by promtool', async () => {
    await exec('promtool', ['check', 'config', join(monitoring, 'prometheus.yml')])
    await exec('promtool', ['check', 'rules', join(monitoring, 'alerts.yml')])
  })

  itNeeds('promtool')('has alerts that fire when they should, and not when they should not', async () => {
    await exec('promtool', ['test', 'rules', join(ROOT, 'test/metrics/alerts.yml')])
  })

  it('has a test of every alert', () => {
    const names = (path: string, pattern: RegExp) =>
      new Set([...readFileSync(path, 'utf8').matchAll(pattern)].map(([, name]) => name))
    const alerts = names(join(monitoring, 'alerts.yml'), /- alert: (\w+)/g)
    expect(alerts.size).toBeGreaterThan(0)
    // Each stands there twice at least: once before it fires, and once when it does.
    expect(names(join(ROOT, 'test/metrics/alerts.yml'), /alertname: (\w+)\n\s+exp_alerts:/g)).toEqual(alerts)
    expect(names(join(ROOT, 'test/metrics/alerts.yml'), /alertname: (\w+) \}/g)).toEqual(alerts)
  })
})

describe('docs/metrics.md', () => {
  it('has every metric as it is', async () => {
    const router = createRouter({ backends: { gpu: { url: 'http://gpu' } } })
    onTestFinished(() => router.close())
    const { registry } = routerMetrics(router)
    const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]))
    const real = registry.getMetricsAsArray().map((metric) => {
      const labels: unknown = Reflect.get(metric, 'labelNames')
      return [metric.name.slice(defaults.metricsPrefix.length), types.get(metric.name), labels]
    })
    const documented = [...document.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*)\|/gm)].map(
      ([, name, type, labels = '']) => [
        name,
        type,
        [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
      ],
    )
    expect(documented).toEqual(real)
  })

  it('has every bucket as it is', () => {
    const lists = [...document.matchAll(/((?:[\d.]+, )+[\d.]+ and [\d.]+)/g)].map(([, list = '']) =>
      list.split(/, | and /).map(Number),
    )
    expect(lists).toEqual([defaults.metricsBuckets, defaults.metricsLongBuckets])
    expect(document).toContain(`the first ${defaults.metricsMostModels} models`)
  })
})
