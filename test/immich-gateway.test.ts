import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { immichForm } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'
import { spawnProgram, startProcess } from './support/gateway-process.ts'
import { statePath, stubImmich } from './support/immich-stage.ts'
import { stubMl, until } from './support/servers.ts'

/** Times are short enough for a test, and probes find out at once. */
async function stage(more: string[] = []) {
  const [immich, gpu, file] = [await stubImmich(), await stubMl(), await statePath()]
  const config = join(dirname(file), 'router.yaml')
  await writeFile(
    config,
    [
      `backends: { gpu: { url: "${gpu.url}" } }`,
      'health: { rise: 1, fall: 1, interval: 100ms }',
      `immich: { url: "${immich.url}", apiKey: "\${IMMICH_KEY}", pauseWhileDown: true, interval: 1s, file: "${file}" }`,
      ...more,
    ].join('\n'),
  )
  const { key } = immich
  const start = () =>
    startProcess('package', { ROUTER_CONFIG: config, IMMICH_KEY: key, DRAIN_TIMEOUT: '300ms' })
  const saved = async () => JSON.parse(await readFile(file, 'utf8').catch(() => '{}'))
  return { immich, gpu, start, saved, config }
}

async function reportOf(url: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/_router/status.json`)
  return (await response.json()) as Record<string, unknown>
}

describe('a gateway that gets SIGTERM', () => {
  it('pauses the queues, then holds what is here, and the next start resumes them', async () => {
    const { immich, gpu, start, saved } = await stage()
    immich.queue('ocr').isPaused = true
    const first = await start()
    await until(() => immich.calls > 0, 'Immich was asked', 20)
    await gpu.setFault('refuse')
    const held = fetch(`${first.url}/predict`, { method: 'POST', body: immichForm('faces') })
    await until(async () => (await saved()).busy?.includes('faceDetection'), 'the job is here', 20)
    first.child.kill('SIGTERM')
    await until(() => immich.paused.length === 3, 'paused first', 20)
    expect(first.child.exitCode).toBe(null)
    expect((await held).status).toBe(503)
    expect(await first.exited).toBe(0)
    expect(await saved()).toMatchObject({
      paused: ['smartSearch', 'faceDetection'],
      lost: { faceDetection: 1 },
      busy: [],
    })
    await gpu.setFault(undefined)
    const next = await start()
    await until(() => immich.paused.length === 1, 'resumed', 20)
    expect(immich.paused).toEqual(['ocr'])
    next.child.kill('SIGTERM')
    await next.exited
  })

  it('stops in time when Immich does not answer', async () => {
    const { immich, start } = await stage()
    const { child, exited, lines } = await start()
    await until(() => immich.calls > 0, 'Immich was asked', 20)
    immich.fault = 'silent'
    const begun = performance.now()
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
    expect(performance.now() - begun).toBeLessThan(6_000)
    expect(JSON.stringify(lines)).not.toContain(immich.key)
  })
})

describe('a gateway that is killed', () => {
  it('while it has paused the queues: the next one shows it and resumes them', async () => {
    const { immich, gpu, start, saved } = await stage()
    const first = await start()
    await until(() => immich.calls > 0, 'Immich was asked', 20)
    // The planned stop pauses; the kill comes before it is complete.
    await gpu.setFault('refuse')
    const held = fetch(`${first.url}/predict`, { method: 'POST', body: immichForm('faces') }).catch(() => {})
    await until(async () => (await saved()).busy?.includes('faceDetection'), 'the job is here', 20)
    first.child.kill('SIGTERM')
    await until(() => immich.paused.length === 3, 'paused', 20)
    first.child.kill('SIGKILL')
    await first.exited
    await held
    expect((await saved()).paused).toHaveLength(3)
    immich.queue('smartSearch').waiting = 12
    const next = await start()
    await until(
      async () => JSON.stringify((await reportOf(next.url))['queues'] ?? {}).includes('router'),
      'it is shown',
      20,
    )
    expect((await reportOf(next.url))['queues']).toMatchObject({
      queues: [{ name: 'smartSearch', remaining: 12, pausedBy: 'router' }, {}, {}],
    })
    const metrics = await (await fetch(`${next.url}/metrics`)).text()
    expect(metrics).toContain('immich_ml_router_immich_queue_paused{queue="smartSearch"} 1')
    expect(metrics).toContain('immich_ml_router_immich_queue_jobs{queue="smartSearch"} 12')
    expect(metrics).toContain('immich_ml_router_immich_up 1')
    await gpu.setFault(undefined)
    await until(() => immich.paused.length === 0, 'resumed', 20)
    expect((await saved()).lost).toMatchObject({ faceDetection: 1 })
  })
})

it('a gateway without immich has none of it', async () => {
  const gpu = await stubMl()
  const { url, child, exited } = await startProcess('package', { ML_DEFAULT_URL: gpu.url })
  expect(await (await fetch(`${url}/metrics`)).text()).not.toContain('immich_ml_router_immich_')
  expect(await reportOf(url)).not.toHaveProperty('queues')
  child.kill('SIGTERM')
  await exited
})

it('a key that is not accepted changes nothing but a line and the page', async () => {
  const { immich, start } = await stage()
  immich.key = 'another'
  const { url, lines } = await start()
  await until(() => lines.some(({ msg }) => msg === 'immich queues not available'), 'a line', 20)
  const form = immichForm('ocr')
  expect((await fetch(`${url}/predict`, { method: 'POST', body: form })).status).toBe(200)
  expect((await reportOf(url))['queues']).toMatchObject({
    problem: expect.stringMatching(/^Immich does not accept the API key; create one in/),
  })
})

describe('check --probe', () => {
  const check = async (config: string, key: string) => {
    const args = ['packages/gateway/src/main.ts', 'check', config, '--probe']
    const { child, output, exited } = spawnProgram({ cwd: ROOT, args }, { IMMICH_KEY: key })
    const code = await exited
    expect(child.exitCode).toBe(code)
    return { code, text: output.join('\n') }
  }

  it('tells what is left, and names permissions that are missing', async () => {
    const { immich, config } = await stage()
    immich.queue('ocr').waiting = 7
    const good = await check(config, immich.key)
    expect([good.code, good.text]).toEqual([
      0,
      expect.stringContaining('Immich answers; jobs left: smartSearch 0, faceDetection 0, ocr 7'),
    ])
    immich.permissions = ['queue.read']
    const poor = await check(config, immich.key)
    expect([poor.code, poor.text]).toEqual([
      1,
      expect.stringContaining('immich.apiKey lacks queue.update and job.create; add them in Immich'),
    ])
    expect([good.text.includes(immich.key), immich.changes]).toEqual([false, []])
  })

  it('says that the key is wrong', async () => {
    const { config } = await stage()
    expect(await check(config, 'another')).toMatchObject({
      code: 1,
      text: expect.stringContaining('immich: Immich does not accept the API key; create one in Immich'),
    })
  })
})
