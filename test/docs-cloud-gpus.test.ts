import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createRouter, expandConfig, parseConfig, type RouterConfig } from '@immich-ml-router/core'
import { watchAgreement } from '@immich-ml-router/core/agreement'
import { managePower } from '@immich-ml-router/core/power'
import { FakeClock, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { warmUp } from '@immich-ml-router/core/warm-up'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { post } from './support/client.ts'
import { COLD_ANSWERS, ColdService } from './support/cold-service.ts'
import { exampleOf, ROOT } from './support/docs.ts'
import { listen, stubMl, until } from './support/servers.ts'

const DOCUMENT = 'docs/cloud-gpus.md'
const text = readFileSync(join(ROOT, DOCUMENT), 'utf8')
const image = immichBody('indexing', imageBytes(20_000))
const search = immichBody('textSearch', 'cat')
const SECRETS = ['RUNPOD_API_KEY', 'IMMICH_API_KEY', 'MODAL_KEY', 'MODAL_SECRET', 'VAST_API_KEY']
const env = Object.fromEntries(SECRETS.map((name) => [name, 'secret']))

/** The configuration of an example, with other servers. */
function configOf(example: string, servers: Readonly<Record<string, string>> = {}): RouterConfig {
  let yaml = exampleOf(DOCUMENT, example)
  for (const [from, to] of Object.entries(servers)) {
    expect(yaml).toContain(from)
    yaml = yaml.replaceAll(from, to)
  }
  return parseConfig(expandConfig(parse(yaml), { env }))
}

/** How far the clock moves between two turns of the event loop, in milliseconds. */
const STEP = 1_000

/** A router with the modules of a gateway, on a clock that the test moves. */
async function start(config: RouterConfig) {
  const clock = new FakeClock()
  const router = createRouter({ ...config, transport: 'direct', clock })
  for (const attach of [watchAgreement, warmUp]) attach(router)
  managePower(router, { clock })
  onTestFinished(() => router.close({ timeout: 0 }))
  const { url } = await listen((req, res) => router.handle(req, res))
  const answers: string[] = []
  const ask = async (body: Buffer) => {
    const answer = await post(url, body)
    // A heartbeat comes before the backend is known.
    const backend =
      answer.headers['x-immich-ml-backend'] ?? JSON.stringify(JSON.parse(answer.body.toString()))
    answers.push(`${answer.status} ${backend}`)
  }
  /** Moves the clock until something holds, in steps in which sockets can answer. */
  const untilAt = (holds: () => boolean, what: string) =>
    until(() => {
      if (!holds()) clock.advance(50)
      return holds()
    }, what)
  const pass = async (milliseconds: number, step = STEP) => {
    for (let passed = 0; passed < milliseconds; passed += step) {
      clock.advance(step)
      await nextTurn()
    }
  }
  return { router, clock, ask, answers, untilAt, pass }
}

describe('the examples', () => {
  it('are all configurations', () => {
    const names = [...text.matchAll(/<!-- example: (\w+) -->/g)].map(([, name = '']) => name)
    expect(names).toEqual(['serverless', 'instance', 'modal', 'vast'])
    for (const name of names) expect(Object.keys(configOf(name).backends).length).toBeGreaterThan(0)
  })
})

describe('a service that is paid by the second', () => {
  const serverless = async () => {
    const nas = await stubMl({ serviceTime: 200 })
    const cloud = await ColdService.start(COLD_ANSWERS.get('429'))
    const config = configOf('serverless', {
      'http://nas:3003': `${nas.url}, health: false`,
      'https://my-endpoint.api.runpod.ai': cloud.url,
    })
    return { nas, cloud, ...(await start(config)) }
  }

  it('is asked nothing while the NAS is enough, neither by requests nor by probes and canaries', async () => {
    const { cloud, ask, answers, pass } = await serverless()
    for (let i = 0; i < 3; i++) {
      await ask(search)
      await ask(image)
      await pass(20 * 60_000, 10_000)
    }
    expect(answers).toEqual(Array(6).fill('200 nas'))
    expect(cloud.calls).toEqual([])
  })

  it('gets what the NAS cannot take, with its token, and no search', async () => {
    const { cloud, ask, answers } = await serverless()
    cloud.up()
    await Promise.all([...Array.from({ length: 8 }, () => ask(image)), ask(search)])
    expect(answers.filter((answer) => answer === '200 cloud').length).toBeGreaterThan(3)
    expect(answers.filter((answer) => answer.startsWith('200'))).toHaveLength(9)
    expect(cloud.count('POST /predict')).toBe(answers.filter((answer) => answer === '200 cloud').length)
    expect([...cloud.credentials]).toEqual(['Bearer secret'])
  })
})

describe('an instance', () => {
  it('is started once enough images wait, gets some of them, and is stopped when it is idle', async () => {
    const nas = await stubMl({ serviceTime: 50 })
    const cloud = await ColdService.start(COLD_ANSWERS.get('404 with a page'))
    const { immich: _, ...config } = configOf('instance', {
      'http://nas:3003': `${nas.url}, health: false`,
      'https://my-pod-3003.proxy.runpod.net': cloud.url,
      'https://rest.runpod.io': cloud.url,
      'queued: 200': 'queued: 20',
    })
    const { ask, answers, untilAt, pass } = await start(config)
    await Promise.all(Array.from({ length: 10 }, () => ask(image)))
    expect(cloud.count('POST /v1/pods/my-pod/start')).toBe(0)
    const more = Promise.all(Array.from({ length: 60 }, () => ask(image)))
    await untilAt(() => cloud.count('POST /v1/pods/my-pod/start') === 1, 'it is started')
    cloud.up()
    await untilAt(() => answers.includes('200 cloud'), 'it gets an image')
    await more
    expect(answers.filter((answer) => !answer.startsWith('200'))).toEqual([])
    await pass(9 * 60_000, 10_000)
    expect(cloud.count('POST /v1/pods/my-pod/stop')).toBe(0)
    await untilAt(() => cloud.count('POST /v1/pods/my-pod/stop') === 1, 'it is stopped')
    cloud.down()
    const sofar = cloud.calls.length
    await pass(60 * 60_000, 10_000)
    expect(cloud.calls.length).toBe(sofar)
  })
})

/** An answer of the service, without heartbeats and after them. */
const ANSWERED = ['200 cloud', `200 ${GOOD_ANSWER}`]

describe('an image for a cold service', () => {
  const rows = [...text.matchAll(/^\| (.*?) \| .* \| .* \|$/gm)].map(([, first = '']) => first)

  it('gets each answer that the page has', () => {
    const [, ...documented] = rows.slice(rows.indexOf('answer'))
    expect(documented).toEqual([...COLD_ANSWERS.keys()])
  })

  describe.each([...COLD_ANSWERS.keys()])('that answers: %s', (name) => {
    it.each([
      ['has served before', true],
      ['has not', false],
    ])('is answered once it has started, where it %s', async (_, hasServed) => {
      const cloud = await ColdService.start(COLD_ANSWERS.get(name))
      const { backends } = configOf('serverless', { 'https://my-endpoint.api.runpod.ai': cloud.url })
      const config: RouterConfig = {
        backends: { cloud: { ...backends['cloud'], url: cloud.url } },
      }
      const { ask, answers, untilAt, pass } = await start(config)
      if (hasServed) {
        cloud.up()
        await ask(image)
        cloud.down()
        await pass(60 * 60_000, 10_000)
      }
      const before = answers.length
      const images = [ask(image), ask(image), ask(image)]
      await pass(4 * 60_000)
      expect(answers).toHaveLength(before)
      cloud.up()
      await untilAt(() => answers.length === before + 3, 'all are answered')
      await Promise.all(images)
      expect(answers.filter((answer) => !ANSWERED.includes(answer))).toEqual([])
    })
  })
})
