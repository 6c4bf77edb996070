import type { Router, RouterConfig } from '@immich-ml-router/core'
import {
  BOUNDARY,
  CONTENT_TYPE,
  FakeClock,
  imageBytes,
  immichBody,
  multipart,
} from '@immich-ml-router/core/testing'
import { type Gateway, type MakeApp, startGateway } from '@immich-ml-router/gateway-kit'
import type { Report, RunView } from '@immich-ml-router/status-page'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { post } from '../support/client.ts'
import { stubMl, until } from '../support/servers.ts'
import { ANSWER_MEMORY, ScriptedMl } from './scripted-ml.ts'

/** Bodies by what they are for; their sizes are part of the truth. */
export const BODIES = {
  search: immichBody('textSearch', 'cat'),
  image: immichBody('indexing', imageBytes(1_000)),
  faces: immichBody('faces', imageBytes(2_000)),
  ocr: immichBody('ocr', imageBytes(200_000)),
  tooLarge: immichBody('indexing', imageBytes(1_100_000)),
  several: jobs({ clip: { visual: { modelName: 'm' } }, ocr: { detection: { modelName: 'm' } } }),
  invented: jobs({ [`task-${BOUNDARY}`]: { visual: { modelName: 'm' } } }),
  named: (task: string) => jobs({ [task]: { visual: { modelName: 'm' } } }),
  nonsense: Buffer.from('not a form'),
} as const

function jobs(entries: object): Buffer {
  return multipart([
    { header: 'entries', content: JSON.stringify(entries) },
    { header: 'image', content: imageBytes(500) },
  ])
}

/** When a held request gets signs of life, in milliseconds. */
export const HEARTBEAT = { after: 60_000, every: 30_000 }

/**
 * A gateway on a clock that stands still, whose backends do as they are told: so it is known what each metric has to say,
 * to the millisecond.
 */
export class Scene {
  readonly clock: FakeClock
  readonly gateway: Gateway
  readonly #fast: ScriptedMl
  readonly #spare: ScriptedMl
  readonly #gpu: ScriptedMl
  readonly #away: ScriptedMl
  /** Requests that are over. */
  #over = 0
  /** How long each request was held, in milliseconds. */
  readonly held: number[] = []

  private constructor(
    clock: FakeClock,
    gateway: Gateway,
    servers: Record<'fast' | 'spare' | 'gpu' | 'away', ScriptedMl>,
  ) {
    this.clock = clock
    this.gateway = gateway
    this.#fast = servers.fast
    this.#spare = servers.spare
    this.#gpu = servers.gpu
    this.#away = servers.away
    gateway.router.on('request', () => {
      this.#over++
    })
  }

  static async start(makeApp: MakeApp): Promise<Scene> {
    const clock = new FakeClock()
    const start = () => ScriptedMl.start()
    const servers = { fast: await start(), spare: await start(), gpu: await start(), away: await start() }
    servers.away.well = false
    const urls = {
      fast: servers.fast.url,
      spare: servers.spare.url,
      gpu: servers.gpu.url,
      away: servers.away.url,
      broken: (await stubMl({ fault: 'error' })).url,
      dead: (await stubMl({ fault: 'refuse' })).url,
      gone: (await stubMl({ fault: 'refuse' })).url,
    }
    const gateway = await startGateway({
      makeApp: (options) => makeApp({ ...options, clock }),
      config: { port: 0, source: 'the test', options: policy(urls), statusPage: {} },
      logger: pino({ level: 'silent' }),
    })
    onTestFinished(async () => {
      await gateway.router.close({ timeout: 0 })
      await gateway.close()
    })
    await gateway.router.drain('drained')
    const scene = new Scene(clock, gateway, servers)
    await scene.#untilAwayIs('down')
    return scene
  }

  get router(): Router {
    return this.gateway.router
  }

  /** The last run on the status page. */
  async run(): Promise<RunView | undefined> {
    const report = (await (await fetch(`${this.#url}/_router/status.json`)).json()) as Report
    return report.runs.at(-1)
  }

  get #url(): string {
    return this.gateway.url.replace('localhost', '127.0.0.1')
  }

  /** One of everything that can happen to a request. */
  async round(): Promise<void> {
    // One of twenty may have a further copy.
    for (let i = 0; i < 20; i++) await this.#served(BODIES.search, this.#fast, 40)
    await this.#hedged()
    await this.#queued()
    for (let i = 0; i < 3; i++) await this.#served(BODIES.faces, this.#fast, 50)
    await this.#served(BODIES.several, this.#fast, 40)
    await this.#served(BODIES.invented, this.#fast, 40)
    await this.#served(BODIES.nonsense, this.#fast, 40, 422)
    await this.#inTwoPieces()
    await this.#cutOff()
    await this.#clientLeaves()
    for (let i = 0; i < 3; i++) await this.#isOver(() => post(this.#url, BODIES.named('tag')))
    for (const body of [BODIES.named('gone'), BODIES.named('drained'), BODIES.tooLarge])
      await this.#isOver(() => post(this.#url, body))
    await this.#held()
  }

  /** Leaves one image running, two that wait for it, and an OCR that waits for its backend. @returns What ends that. */
  async pause(): Promise<() => Promise<void>> {
    const { index, ocr } = { index: BODIES.image, ocr: BODIES.ocr }
    const requests = [post(this.#url, index)]
    const job = await this.#gpu.next()
    for (const waiting of [1, 2]) {
      requests.push(post(this.#url, index))
      await until(() => this.#waiting('index').full === waiting, 'the image waits')
    }
    const since = this.clock.now()
    const held = post(this.#url, ocr)
    await until(() => this.router.status().bodies.disk === ocr.length, 'the OCR waits on disk')
    return async () => {
      job.answer()
      for (let i = 0; i < 2; i++) (await this.#gpu.next()).answer()
      await Promise.all(requests)
      await this.#release(since)
      await held
    }
  }

  /** What waits for a route. */
  #waiting(route: string) {
    const found = this.router.status().routes.find(({ name }) => name === route)
    if (found === undefined) throw new Error(`there is no route ${route}`)
    return found.waiting
  }

  /** Whatever is measured of a request is measured before anything else happens. */
  async #isOver(act: () => Promise<unknown>): Promise<void> {
    const over = this.#over + 1
    await act()
    await until(() => this.#over === over, 'the request is over')
  }

  #served(body: Buffer, by: ScriptedMl, milliseconds: number, status?: number): Promise<void> {
    return this.#isOver(async () => {
      const headers = body === BODIES.nonsense ? { 'content-type': 'text/plain' } : {}
      const answer = post(this.#url, body, { headers })
      const job = await by.next()
      this.clock.advance(milliseconds)
      job.answer(status)
      await answer
    })
  }

  /** A search that is late after 200 ms, and is answered elsewhere 100 ms later. */
  #hedged(): Promise<void> {
    return this.#isOver(async () => {
      const answer = post(this.#url, BODIES.search)
      await this.#fast.next()
      this.clock.advance(200)
      const copy = await this.#spare.next()
      this.clock.advance(100)
      copy.answer()
      await answer
    })
  }

  /** An image of 400 ms, and one of 100 ms that waits for it. */
  async #queued(): Promise<void> {
    const first = post(this.#url, BODIES.image)
    const job = await this.#gpu.next()
    const second = post(this.#url, BODIES.image)
    await until(() => this.#waiting('index').full === 1, 'the second waits')
    this.clock.advance(400)
    await this.#isOver(async () => {
      job.answer()
      await first
    })
    const next = await this.#gpu.next()
    this.clock.advance(100)
    await this.#isOver(async () => {
      next.answer()
      await second
    })
  }

  /** An image whose answer begins after 200 ms and ends after 2 s. */
  #inTwoPieces(): Promise<void> {
    return this.#isOver(async () => {
      const begun = this.#fetch(BODIES.image)
      const job = await this.#gpu.next()
      this.clock.advance(200)
      job.begin()
      const response = await begun
      this.clock.advance(1_800)
      job.end()
      await response.text()
    })
  }

  #cutOff(): Promise<void> {
    return this.#isOver(async () => {
      const begun = this.#fetch(BODIES.named('cut'))
      const job = await this.#spare.next()
      job.begin()
      const { body } = await begun
      const reader = body?.getReader()
      await reader?.read()
      job.cut()
      await reader?.read().catch(() => {})
    })
  }

  #clientLeaves(): Promise<void> {
    return this.#isOver(async () => {
      const client = new AbortController()
      const answer = post(this.#url, BODIES.image, { signal: client.signal })
      await this.#gpu.next()
      client.abort()
      await answer.catch(() => {})
    })
  }

  /** An OCR that waits for more than five minutes, until its backend is there. */
  #held(): Promise<void> {
    return this.#isOver(async () => {
      const since = this.clock.now()
      const answer = post(this.#url, BODIES.ocr)
      await until(() => this.router.status().bodies.disk === BODIES.ocr.length, 'it waits on disk')
      this.clock.advance(310_000)
      await this.#release(since)
      await answer
    })
  }

  /** The backend is back, answers the request that waits, and goes away again. */
  async #release(since: number): Promise<void> {
    this.#away.well = true
    const released = new Promise<number>((resolve) => {
      const stop = this.router.on('hold', ({ kind }) => {
        if (kind !== 'released') return
        clearInterval(ticking)
        stop()
        resolve(this.clock.now() - since)
      })
    })
    const ticking = setInterval(() => this.clock.advance(100), 1)
    this.held.push(await released)
    const job = await this.#away.next()
    await this.#isOver(async () => job.answer())
    await this.#untilAwayIs('down')
  }

  async #untilAwayIs(state: 'down'): Promise<void> {
    this.#away.well = false
    const ticking = setInterval(() => this.clock.advance(100), 1)
    const away = () => this.router.status().backends.find(({ name }) => name === 'away')
    await until(() => away()?.health.probe?.kind === state, `the backend is ${state}`)
    clearInterval(ticking)
  }

  #fetch(body: Buffer): Promise<Response> {
    return fetch(`${this.#url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE },
      body: new Uint8Array(body),
    })
  }
}

function policy(urls: Record<string, string>): RouterConfig {
  const url = (name: string) => ({ url: urls[name] ?? 'http://127.0.0.1:9', health: false as const })
  const first = { strategy: 'first' as const }
  return {
    maxBodySize: '1mb',
    bodyMemory: '100kb',
    answerMemory: ANSWER_MEMORY,
    heartbeat: false,
    backends: {
      fast: { ...url('fast'), maxConcurrent: 4 },
      spare: { ...url('spare'), maxConcurrent: 'unlimited' },
      gpu: { ...url('gpu'), maxConcurrent: 1 },
      broken: { ...url('broken'), maxConcurrent: 2 },
      dead: { ...url('dead'), maxConcurrent: 2 },
      gone: { ...url('gone'), maxConcurrent: 2 },
      drained: { ...url('drained'), maxConcurrent: 2 },
      // Its probes take no time on a clock that stands still.
      away: { ...url('away'), maxConcurrent: 2, health: { fall: 1, rise: 1, timeout: '1h' } },
    },
    hold: false,
    canary: false,
    routes: [
      {
        name: 'search',
        match: { task: 'clip', type: 'textual' },
        backends: ['fast', 'spare'],
        hedge: { after: 200 },
        ...first,
      },
      { name: 'index', match: { task: 'clip' }, backends: ['gpu'], ...first },
      { name: 'faces', match: { task: 'facial-recognition' }, backends: ['dead', 'fast'], ...first },
      {
        name: 'ocr',
        match: { task: 'ocr' },
        backends: ['away'],
        hold: '12h',
        heartbeat: HEARTBEAT,
        ...first,
      },
      { name: 'cut', match: { task: 'cut' }, backends: ['spare'], ...first },
      { name: 'tag', match: { task: 'tag' }, backends: ['broken'], ...first },
      { name: 'gone', match: { task: 'gone' }, backends: ['gone'], ...first },
      { name: 'drained', match: { task: 'drained' }, backends: ['drained'], ...first },
      { name: 'rest', backends: ['fast'], ...first },
    ],
  }
}
