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
    const one = async (): Promise<Counts> => {
      const chunks = rate === null ? [body] : slowly(body, rate, count === 1 ? STEP_ALONE : STEP)
      const noted = async function* () {
        for await (const chunk of chunks) {
          sent = Math.min(sent, now())
          yield chunk
        }
      }
      const failed = await failureOf(url, rate === null ? body : noted(), body.length)
      return failed === undefined ? {} : { [failed]: 1 }
    }
    const failures = await Promise.all(Array.from({ length: count }, one))
    return { sent, failures: failures.reduce(addCounts, {}) }
  },
}

export type LoadGenerator = typeof functions

offer(functions)

/** One request after the other on one connection; returns the last answer. */
async function send(url: string, job: JobName, times: number): Promise<{ status: number; body: string }> {
  const client = new Client(url)
  try {
    let answer = { status: 0, body: '' }
    for (let i = 0; i < times; i++) answer = await post(client, bodyOf(job), bodyOf(job).length)
    return answer
  } finally {
    await client.destroy()
  }
}

/** @returns `undefined` when the whole body has arrived. */
async function failureOf(
  url: string,
  chunks: Buffer | AsyncIterable<Buffer>,
  length: number,
): Promise<string | undefined> {
  const client = new Client(url)
  try {
    const body = Buffer.isBuffer(chunks) ? chunks : Readable.from(chunks, { objectMode: false })
    const answer = await post(client, body, length)
    if (answer.status !== 200) return `status ${answer.status}`
    return answer.body.includes(`"bytes":${length}`) ? undefined : 'part of the body was lost'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await client.destroy()
  }
}

async function post(client: Client, body: Buffer | Readable, length: number) {
  const headers = { 'content-type': CONTENT_TYPE, 'content-length': String(length) }
  const options = { path: '/predict', method: 'POST', headers, body, headersTimeout: PATIENCE } as const
  const answer = await client.request(options)
  return { status: answer.statusCode, body: await answer.body.text() }
}

/** So many bytes a second, by the clock: a late chunk is made up for. */
async function* slowly(body: Buffer, rate: number, step: number): AsyncGenerator<Buffer> {
  const size = Math.round((rate * step) / 1000)
  const began = now()
  for (let at = 0, i = 0; at < body.length; at += size, i++) {
    await sleepUntil(began + i * step)
    yield body.subarray(at, at + size)
  }
}
