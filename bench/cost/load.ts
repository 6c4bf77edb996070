import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'
import { now } from '../lib/clock.ts'
import { offer } from '../lib/offer.ts'
import { bodyOf, CONTENT_TYPE, type JobName } from './jobs.ts'
import { type Moved, movedDuring } from './system-calls.ts'
import { runWrk, type WrkResult } from './wrk.ts'

export interface WrkLoad {
  readonly url: string
  readonly job: JobName
  readonly connections: number
  readonly seconds: number
}

export interface Uploads {
  readonly url: string
  readonly count: number
  /** Bytes a second of each; as fast as it goes when it is `null`. */
  readonly rate: number | null
}

export interface UploadsResult {
  readonly seconds: number
  readonly failures: Readonly<Record<string, number>>
}

/** What a backend has answered. */
export interface Answer {
  readonly status: number
  readonly body: string
}

const directory = mkdtempSync(join(tmpdir(), 'bench-cost-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const files = new Map<JobName, string>()

/** Time between two chunks of an upload that is slowed down, in milliseconds. */
const STEP = 20
const SHORT_STEP = 5
/** How long an answer to an upload may take. */
const PATIENCE = 120_000

/** The load generator, as a process of its own. */
const functions = {
  wrk: ({ job, ...run }: WrkLoad): Promise<WrkResult> => runWrk({ ...run, body: fileOf(job) }),

  send,

  /** What a proxy moves for a request, on average of so many, of which so many are under way at once. */
  async moved(pid: number, url: string, job: JobName, times: number, connections: number): Promise<Moved> {
    const { read, written } = await movedDuring(pid, () =>
      Promise.all(Array.from({ length: connections }, () => send(url, job, times / connections))),
    )
    return { read: read / times, written: written / times }
  },

  /** Large uploads at once. */
  async upload({ url, count, rate }: Uploads): Promise<UploadsResult> {
    const body = bodyOf('31m')
    const began = now()
    const failures: Record<string, number> = {}
    const one = async () => {
      const failed = await failureOf(
        url,
        rate === null ? body : streamOf(slowly(body, rate, STEP)),
        body.length,
      )
      if (failed !== undefined) failures[failed] = (failures[failed] ?? 0) + 1
    }
    await Promise.all(Array.from({ length: count }, one))
    return { seconds: (now() - began) / 1000, failures }
  },

  /**
   * A slow upload of 2 MB.
   *
   * @returns When its first chunk was sent, on the machine's clock, and what has failed.
   */
  async firstChunk(url: string, rate: number): Promise<{ sent: number; failed: string | undefined }> {
    const body = bodyOf('2m')
    let first = 0
    const noted = async function* () {
      for await (const chunk of slowly(body, rate, SHORT_STEP)) {
        if (first === 0) first = now()
        yield chunk
      }
    }
    const failed = await failureOf(url, streamOf(noted()), body.length)
    return { sent: first, failed }
  },
}

export type LoadGenerator = typeof functions

offer(functions)

/** One request after the other, on one connection; the last answer counts. */
async function send(url: string, job: JobName, times: number): Promise<Answer> {
  const client = new Client(url)
  try {
    let answer: Answer = { status: 0, body: '' }
    for (let i = 0; i < times; i++) {
      const { statusCode, body } = await client.request(requestOf(bodyOf(job)))
      answer = { status: statusCode, body: await body.text() }
    }
    return answer
  } finally {
    await client.destroy()
  }
}

function requestOf(body: Buffer | Readable, length?: number) {
  return {
    path: '/predict',
    method: 'POST' as const,
    headers: {
      'content-type': CONTENT_TYPE,
      ...(length === undefined ? {} : { 'content-length': String(length) }),
    },
    body,
    headersTimeout: PATIENCE,
  }
}

/** @returns What has failed; `undefined` when the whole body has arrived. */
async function failureOf(url: string, body: Buffer | Readable, length: number): Promise<string | undefined> {
  const client = new Client(url)
  try {
    const answer = await client.request(requestOf(body, length))
    const text = await answer.body.text()
    if (answer.statusCode !== 200) return `status ${answer.statusCode}`
    return text.includes(`"bytes":${length}`) ? undefined : 'part of the body was lost'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await client.destroy()
  }
}

/** So many bytes a second, by the clock: what is late is made up for. */
async function* slowly(body: Buffer, rate: number, step: number): AsyncGenerator<Buffer> {
  const size = Math.round((rate * step) / 1000)
  const began = now()
  for (let at = 0, i = 0; at < body.length; at += size, i++) {
    const early = began + i * step - now()
    if (early > 0) await sleep(early)
    yield body.subarray(at, at + size)
  }
}

function streamOf(chunks: AsyncIterable<Buffer>): Readable {
  return Readable.from(chunks, { objectMode: false })
}

function fileOf(job: JobName): string {
  const file = files.get(job) ?? join(directory, job)
  if (!files.has(job)) writeFileSync(file, bodyOf(job))
  files.set(job, file)
  return file
}
