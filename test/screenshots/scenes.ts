import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRouter } from '@immich-ml-router/core'
import { type ImmichJob, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { statusPage } from '@immich-ml-router/status-page'
import { post } from '../support/client.ts'
import { fastClock } from '../support/fast-clock.ts'
import { Machine, type Manner } from './machine.ts'

/** A router in a state that is worth a picture. */
export interface Scene {
  readonly url: string
  close(): Promise<void>
}

export const SCENES = ['first-run', 'demo', 'idle', 'busy', 'broken', 'finished', 'many'] as const
export type SceneName = (typeof SCENES)[number]

/** The same numbers each time (Numerical Recipes' generator). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/**
 * Plays a scene up to where the picture is taken; it goes on until it is closed.
 *
 * @param factor So many times faster than life.
 */
export async function play(name: SceneName, factor: number): Promise<Scene> {
  const random = randomFrom(7)
  const quick = (times: Manner['times']) =>
    Object.fromEntries(Object.entries(times).map(([task, time]) => [task, time / factor]))
  const gpu = new Machine(4, { times: quick({ textual: 14, visual: 60, facial: 110, ocr: 240 }) }, random)
  const mac = new Machine(2, { times: quick({ textual: 30, visual: 160, facial: 280, ocr: 600 }) }, random)
  const nas = new Machine(
    1,
    { times: quick({ textual: 90, visual: 1_400, facial: 2_500, ocr: 6_000 }) },
    random,
  )
  for (const machine of [gpu, mac, nas]) await machine.start()
  const clock = fastClock(factor)
  const restoreDate = speedUpDate(factor)
  const pods = name === 'many' ? more(gpu.url) : {}
  const router = createRouter<string>({
    clock,
    backends: {
      gpu: {
        url: gpu.url,
        maxConcurrent: 4,
        ...(name === 'broken' ? {} : { wake: { mac: 'aa:bb:cc:dd:ee:ff', broadcast: '127.0.0.1' } }),
      },
      mac: { url: mac.url, maxConcurrent: 2 },
      nas: { url: nas.url, tier: 2, maxConcurrent: 1 },
      ...pods,
    },
    maxBodySize: '64kb',
    routes: [
      { name: 'old models', match: { model: 'XLM-*' }, backends: ['nas'] },
      { name: 'text search', match: { task: 'clip', type: 'textual' }, backends: ['gpu', 'mac', 'nas'] },
      { name: 'OCR', match: { task: 'ocr' }, backends: ['gpu'], hold: '12h' },
      { name: 'images', backends: ['gpu', 'mac', ...Object.keys(pods)], hold: '12h' },
    ],
  })
  const page = statusPage(router, { adminToken: 'sesame', clock })
  const server = http.createServer((req, res) => page(req, res, () => router.handle(req, res)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const life = new AbortController()
  const traffic = new Traffic(url, random, factor, life.signal)
  const minutes = (count: number) => sleep((count * 60_000) / factor)
  if (name === 'demo') router.notices.set({ kind: 'demo', level: 'info', message: DEMO })
  if (name === 'demo' || name === 'idle') await idle(traffic, minutes)
  if (name === 'busy' || name === 'many') await busy(traffic, minutes)
  if (name === 'finished') await finished(traffic, minutes)
  if (name === 'broken') await broken(traffic, { gpu, mac, nas }, minutes)
  return {
    url: `${url}/_router`,
    async close() {
      life.abort()
      restoreDate()
      await router.close({ timeout: 0 })
      server.closeAllConnections()
      server.close()
      for (const machine of [gpu, mac, nas]) await machine.close()
    },
  }
}

const DEMO = 'Demo answers: do not connect Immich.'

/** Backends for a page with 40 of them. */
function more(url: string): Record<string, { url: string; maxConcurrent: number }> {
  return Object.fromEntries(
    Array.from({ length: 37 }, (_, i) => [
      `pod-${String(i + 1).padStart(2, '0')}`,
      { url: `${url}/${i + 1}`, maxConcurrent: 1 },
    ]),
  )
}

/** The page relates the router's clock to the time of day, so that must be as fast. */
function speedUpDate(factor: number): () => void {
  const { now } = Date
  const [start, wall] = [performance.now(), now()]
  Date.now = () => wall + (performance.now() - start) * factor
  return () => {
    Date.now = now
  }
}

type Minutes = (count: number) => Promise<unknown>

/** A few searches all the time, and an import that began some minutes ago. */
async function busy(traffic: Traffic, minutes: Minutes): Promise<void> {
  traffic.send(['textSearch'], 0.4)
  await minutes(4)
  traffic.send(IMAGES, 10)
  await minutes(5)
  traffic.send(IMAGES, 14)
  await minutes(5.5)
}

/** Some searches, and then none. */
async function idle(traffic: Traffic, minutes: Minutes): Promise<void> {
  const searches = traffic.send(['textSearch'], 0.4)
  await minutes(3)
  searches.abort()
  await minutes(3)
}

/** An import that ended some minutes ago; people search on. */
async function finished(traffic: Traffic, minutes: Minutes): Promise<void> {
  traffic.send(['textSearch'], 0.2)
  await minutes(1)
  const images = traffic.send(IMAGES, 12)
  await minutes(6)
  images.abort()
  await minutes(6.5)
}

/** The same as busy, until the GPU machine goes down, and the other one cannot do faces. */
async function broken(
  traffic: Traffic,
  { gpu, mac, nas }: Record<'gpu' | 'mac' | 'nas', Machine>,
  minutes: Minutes,
): Promise<void> {
  traffic.send(['textSearch'], 0.4)
  traffic.send(['indexing'], 5)
  await minutes(5)
  const others = traffic.send(['faces', 'ocr'], 3)
  await minutes(5)
  mac.behave({ failsAt: ['facial'] })
  nas.behave({ failsAt: ['XLM'] })
  traffic.send(['oldModel'], 0.08)
  await minutes(1)
  await gpu.crash()
  await minutes(0.5)
  others.abort()
  traffic.send(['tooLarge'], 0.04)
  traffic.send(['faces', 'ocr'], 0.1)
  await minutes(2.5)
}

/** What is sent: a job of Immich, or something that goes wrong. */
type Sent = ImmichJob | 'tooLarge' | 'oldModel'

const IMAGE = imageBytes(20_000)
const IMAGES: readonly ImmichJob[] = ['indexing', 'indexing', 'faces', 'indexing', 'faces', 'ocr']

/** Clients of the router. */
class Traffic {
  readonly #url: string
  readonly #random: () => number
  readonly #factor: number
  readonly #signal: AbortSignal
  readonly #bodies: Readonly<Record<Sent, Buffer>> = {
    textSearch: immichBody('textSearch', 'a red car'),
    indexing: immichBody('indexing', IMAGE),
    faces: immichBody('faces', IMAGE),
    ocr: immichBody('ocr', IMAGE),
    tooLarge: immichBody('indexing', imageBytes(100_000)),
    oldModel: immichBody({ clip: { textual: { modelName: 'XLM-Roberta-Large-Vit-B-32' } } }, 'a red car'),
  }

  constructor(url: string, random: () => number, factor: number, signal: AbortSignal) {
    this.#url = url
    this.#random = random
    this.#factor = factor
    this.#signal = signal
  }

  /** Sends so many jobs a second, at random, until it is aborted. */
  send(jobs: readonly Sent[], rate: number): AbortController {
    const end = new AbortController()
    this.#repeat(jobs, rate, end.signal)
    return end
  }

  async #repeat(jobs: readonly Sent[], rate: number, end: AbortSignal): Promise<void> {
    let due = performance.now()
    while (!this.#signal.aborted && !end.aborted) {
      due += (-Math.log(1 - this.#random()) * 1000) / rate / this.#factor
      await sleep(Math.max(0, due - performance.now()))
      const job = jobs[Math.floor(this.#random() * jobs.length)] ?? 'textSearch'
      // A request that fails is a part of the picture.
      post(this.#url, this.#bodies[job], { signal: this.#signal }).catch(() => {})
    }
  }
}
