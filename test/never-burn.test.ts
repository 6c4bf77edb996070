import { EventEmitter, once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageBytes, type StubMlServer, UNDECODABLE } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fastClock } from './support/fast-clock.ts'
import { type BackendName, FAULT_ROWS, type FaultRow } from './support/fault-rows.ts'
import { startProcess } from './support/gateway-process.ts'
import { ImmichClient, type JobRecord, runSearch, runWorkers } from './support/immich-client.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl } from './support/servers.ts'
import { temporaryDirectory } from './support/temporary-file.ts'

/** Jobs of all workers before the fault, and from the fault on. */
const BEFORE = 20
const JOBS = 60
/** A step that takes longer fails, in seconds. */
const LONGEST = 8
/** How much faster the router's clock runs in rows in which a backend recovers, or must be found to be frozen. */
const FASTER = 10
const IMAGE = new Blob([new Uint8Array(imageBytes(20_000))])
const UNDECODABLE_IMAGE = new Blob([UNDECODABLE])

/** Immich's default workers and a person who searches, in a closed loop against one URL. */
class Load {
  readonly records: JobRecord[] = []
  readonly #client: ImmichClient
  readonly #ended = new EventEmitter()
  readonly #running: Promise<unknown>
  #stopped = false

  /** @param undecodable Every so many images. */
  constructor(url: string, { undecodable = 0 } = {}) {
    const client = new ImmichClient([url])
    this.#client = client
    onTestFinished(() => client.close())
    let images = 0
    const options = {
      client,
      now: () => performance.now(),
      more: () => !this.#stopped,
      image: IMAGE,
      undecodable: {
        image: UNDECODABLE_IMAGE,
        next: () => undecodable > 0 && ++images % undecodable === 0,
      },
      record: (record: JobRecord) => {
        this.records.push(record)
        this.#ended.emit('job')
      },
    }
    const search = async () => {
      for (let i = 0; !this.#stopped; i++) {
        await runSearch(options, `search ${i}`)
        await sleep(10)
      }
    }
    this.#running = Promise.all([runWorkers(options), search()])
  }

  get bulk(): JobRecord[] {
    return this.records.filter(({ job }) => job !== 'textSearch')
  }

  /** Waits until so many more bulk jobs have ended, lost or not. */
  async jobs(count: number): Promise<void> {
    const enough = this.bulk.length + count
    const late = AbortSignal.timeout(LONGEST * 1_000)
    while (this.bulk.length < enough) await once(this.#ended, 'job', { signal: late })
  }

  /** Waits for what is in flight. */
  async end(): Promise<void> {
    this.#stopped = true
    const late = setTimeout(() => this.#client.close(), LONGEST * 1_000)
    await this.#running
    clearTimeout(late)
  }
}

/** Reasons of lost jobs, and how often. Unfinished jobs are a reason, too. */
function lost(records: readonly JobRecord[]): Record<string, number> {
  const reasons: Record<string, number> = {}
  for (const { end, failure, undecodable } of records) {
    const reason = end === null ? 'unfinished' : failure
    if (reason !== null && !undecodable) reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  return reasons
}

async function backends(): Promise<Record<BackendName, StubMlServer>> {
  return {
    gpu: await stubMl({ threads: 4, serviceTime: 4 }),
    nas: await stubMl({ threads: 1, serviceTime: 10 }),
  }
}

async function set(stubs: Record<BackendName, StubMlServer>, faults: FaultRow['faults']): Promise<void> {
  await Promise.all([stubs.gpu.setFault(faults?.gpu), stubs.nas.setFault(faults?.nas)])
}

async function play(row: FaultRow, stubs: Record<BackendName, StubMlServer>, load: Load): Promise<void> {
  if (row.period !== undefined) {
    for (let i = 0; i < 3; i++) {
      await set(stubs, row.faults)
      await load.jobs(JOBS / 3)
      await set(stubs, undefined)
      await load.jobs(JOBS / 3)
    }
    return
  }
  await set(stubs, row.faults)
  if (row.lasts === undefined) return load.jobs(JOBS)
  await sleep((row.lasts * 1_000) / FASTER)
  await set(stubs, undefined)
  await load.jobs(JOBS)
}

describe('a fault costs no good job with nothing configured but two URLs', () => {
  const rows = FAULT_ROWS.filter(({ restart }) => restart !== true)

  it.each(rows.map((row) => [row.label, row] as const))('%s', async (_, row) => {
    const stubs = await backends()
    const takesTime = row.lasts !== undefined || row.period !== undefined || row.faults?.gpu === 'freeze'
    const { router, url } = await serveRouter({
      canary: true,
      backends: { gpu: { url: stubs.gpu.url }, nas: { url: stubs.nas.url } },
      // The default, which other tests turn off.
      hold: undefined,
      ...(takesTime ? { clock: fastClock(FASTER) } : {}),
    })
    const load = new Load(url, row.undecodable === undefined ? {} : { undecodable: 20 })
    await load.jobs(BEFORE)
    await play(row, stubs, load)
    await load.end()
    expect(lost(load.bulk)).toEqual({})
    expect(lost(load.records.filter(({ job }) => job === 'textSearch'))).toEqual({})
    for (const record of load.bulk.filter(({ undecodable }) => undecodable))
      expect(record.failure).toBe('status 500')
    const { backends: status } = router.status()
    const canaries = status.map(({ canaries: { passed, failed } }) => passed + failed)
    if (row.name === 'baseline') expect(canaries).toEqual([0, 0])
    if (row.name === 'undecodable') expect(status.map(({ health }) => health.ejections)).toEqual([0, 0])
  })
})

it('a restart of the gateway loses at most the five running jobs, and those refused while it is not running', async () => {
  const { gpu, nas } = await backends()
  const directory = await temporaryDirectory()
  const config = join(directory, 'router.yaml')
  await writeFile(config, `backends: { gpu: { url: "${gpu.url}" }, nas: { url: "${nas.url}" } }`)
  const first = await startProcess('express', { ROUTER_CONFIG: config })
  const load = new Load(first.url)
  await load.jobs(BEFORE)
  first.child.kill('SIGTERM')
  await first.exited
  const second = await startProcess('express', { ROUTER_CONFIG: config, PORT: new URL(first.url).port })
  const listens = performance.now()
  await load.jobs(JOBS)
  await load.end()
  expect(second.url).toBe(first.url)
  const bulk = load.bulk.filter(({ failure }) => failure !== null)
  // Once the port is closed, the jobs are refused by the machine.
  expect(bulk.filter(({ failure }) => failure !== 'ECONNREFUSED').length).toBeLessThanOrEqual(5)
  expect(bulk.filter(({ start }) => start >= listens).map(({ failure }) => failure)).toEqual([])
})
