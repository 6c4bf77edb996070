import { createRouter, parseConfig, type Router } from '@immich-ml-router/core'
import { CONTENT_TYPE, GOOD_ANSWER } from '@immich-ml-router/core/testing'
import { listen } from '../lib/listen.ts'
import { offer } from '../lib/offer.ts'
import { now } from '../lib/stats.ts'
import { bodyOf } from './jobs.ts'

/** The limits of the backends at a time, in their order; `null` for none. */
export interface LimitSample {
  readonly at: number
  readonly limits: readonly (number | null)[]
}

/** How often the limits are read, in milliseconds. */
const SAMPLING = 250
/** Requests of the rehearsal. */
const REHEARSAL = 200

const samples: LimitSample[] = []

/** Our router, with nothing around it but node:http. */
const functions = {
  async start(options: object): Promise<string> {
    await rehearse()
    const router = createRouter(parseConfig(options))
    setInterval(() => sample(router), SAMPLING)
    return (await listen((req, res) => router.handle(req, res))).url
  },
  /** The limits from the beginning on. */
  limits: (): readonly LimitSample[] => samples,
}

export type RouterProcess = typeof functions

offer(functions)

/** Another router carries some requests, so that the code is compiled and the measured router knows nothing yet. */
async function rehearse(): Promise<void> {
  const backend = await listen((req, res) => req.resume().on('end', () => res.end(GOOD_ANSWER)))
  const router = createRouter({ backends: { nowhere: { url: backend.url } } })
  const { url, server } = await listen((req, res) => router.handle(req, res))
  const headers = { 'content-type': CONTENT_TYPE }
  for (let i = 0; i < REHEARSAL; i++) {
    const body = new Uint8Array(bodyOf(i % 2 === 0 ? 'textSearch' : 'indexing'))
    await (await fetch(`${url}/predict`, { method: 'POST', headers, body })).text()
  }
  await router.close()
  for (const each of [backend.server, server]) {
    each.close()
    each.closeAllConnections()
  }
}

function sample(router: Router): void {
  samples.push({ at: now(), limits: router.status().backends.map(({ limit }) => limit ?? null) })
}
