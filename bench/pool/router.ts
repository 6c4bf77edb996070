import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRouter, parseConfig, type Router } from '@immich-ml-router/core'
import { Pool } from 'undici'
import { CONTENT_TYPE, GOOD_ANSWER } from '../../test/support/predict-body.ts'
import { offer } from '../lib/offer.ts'
import { now } from '../lib/stats.ts'
import { bodyOf } from './jobs.ts'

/** The limits of the backends at a time, in their order; `null` for none. */
export interface LimitSample {
  readonly at: number
  readonly limits: readonly (number | null)[]
}

/** How often the limits are looked at, in milliseconds. */
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
    const { url } = await listen((req, res) => router.handle(req, res))
    return url
  },
  /** The limits from the beginning on. */
  limits: (): readonly LimitSample[] => samples,
}

export type RouterProcess = typeof functions

offer(functions)

/**
 * Another router carries some requests to nowhere: then the code is compiled, as in a router that has run for a while, and
 * the router that is measured knows nothing yet.
 */
async function rehearse(): Promise<void> {
  const backend = await listen((req, res) => req.resume().on('end', () => res.end(GOOD_ANSWER)))
  const router = createRouter({ backends: { nowhere: { url: backend.url } } })
  const server = await listen((req, res) => router.handle(req, res))
  const pool = new Pool(server.url)
  const headers = { 'content-type': CONTENT_TYPE }
  for (let i = 0; i < REHEARSAL; i++) {
    const body = bodyOf(i % 2 === 0 ? 'textSearch' : 'indexing')
    const answer = await pool.request({ method: 'POST', path: '/predict', headers, body })
    await answer.body.dump()
  }
  await pool.close()
  await router.close()
  await Promise.all([backend.close(), server.close()])
}

async function listen(listener: http.RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const server = http.createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function sample(router: Router): void {
  samples.push({ at: now(), limits: router.status().backends.map(({ limit }) => limit ?? null) })
}
