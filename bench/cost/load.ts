import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Client } from 'undici'
import { offer } from '../lib/offer.ts'
import { addCounts, type Counts, now, sleepUntil } from '../lib/stats.ts'
import { bodyOf, CONTENT_TYPE, type JobName } from './jobs.ts'
import { runWrk } from './wrk.ts'

const directory = mkdtempSync(join(tmpdir(), 'bench-cost-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const files = new Map<JobName, string>()

/** Time between two chunks of a slow upload, alone and beside others, in milliseconds. */
const [STEP_ALONE, STEP] = [5, 20]
/** How long an answer may take. */
const PATIENCE = 120_000

/** The load generator, as a process of its own. */
const functions = {
  wrk(url: string, job: JobName, connections: number, seconds: number) {
    const file = files.get(job) ?? join(directory, job)
    if (!files.has(job)) writeFileSync(file, bodyOf(job))
    files.set(job, file)
    return runWrk(url, file, connections, seconds)
  },

  send,

  /**
   * Uploads at once.
   *
   * @param rate Bytes a second of each; `null` for as fast as it goes.
   * @returns When the first chunk was sent, on the machine's clock, and what has failed.
   */
  async upload(url: string, job: JobName, count: number, rate: number | null) {
    const body = bodyOf(job)
    let sent = Number.POSITIVE_INFINITY
    const begin = () => {
      sent = Math.min(sent, now())
    }
    const one = () => {
      if (rate === null) return failureOf(url, body, body.length)
      const chunks = slowly(body, rate, count === 1 ? STEP_ALONE : STEP, begin)
      return failureOf(url, Readable.from(chunks, { objectMode: false }), body.length)
    }
    const failures = await Promise.all(Array.from({ length: count }, one))
    return { sent, failures: failures.reduce(addCounts, {}) }
  },
}

export type LoadGenerator = typeof functions

offer(functions)

/** Sends a job; returns the answer. */
function send(url: string, job: JobName): Promise<{ status: number; body: string }> {
  return post(url, bodyOf(job), bodyOf(job).length)
}

/** @returns Nothing when the whole body has arrived. */
async function failureOf(url: string, body: Buffer | Readable, length: number): Promise<Counts> {
  try {
    const answer = await post(url, body, length)
    if (answer.status !== 200) return { [`status ${answer.status}`]: 1 }
    return answer.body.includes(`"bytes":${length}`) ? {} : { 'part of the body was lost': 1 }
  } catch (error) {
    return { [error instanceof Error ? error.message : String(error)]: 1 }
  }
}

/** One request on a connection of its own. */
async function post(url: string, body: Buffer | Readable, length: number) {
  const client = new Client(url)
  const headers = { 'content-type': CONTENT_TYPE, 'content-length': String(length) }
  try {
    const options = { path: '/predict', method: 'POST', headers, body, headersTimeout: PATIENCE } as const
    const answer = await client.request(options)
    return { status: answer.statusCode, body: await answer.body.text() }
  } finally {
    await client.destroy()
  }
}

/** So many bytes a second, by the clock: a late chunk is made up for. */
async function* slowly(body: Buffer, rate: number, step: number, begin: () => void): AsyncGenerator<Buffer> {
  const size = Math.round((rate * step) / 1000)
  const began = now()
  begin()
  for (let at = 0, i = 0; at < body.length; at += size, i++) {
    await sleepUntil(began + i * step)
    yield body.subarray(at, at + size)
  }
}
