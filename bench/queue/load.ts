import { setTimeout as sleep } from 'node:timers/promises'
import { imageBytes, UNDECODABLE } from '@immich-ml-router/core/testing'
import { ImmichClient, type JobRecord, runSearch, runWorkers } from '../../test/support/immich-client.ts'
import { seeded } from '../../test/support/random.ts'
import { offer } from '../lib/offer.ts'
import { now, sleepUntil } from '../lib/stats.ts'

const SEARCH_INTERVAL = 400
/** How long jobs in flight at the end of a row are waited for, in milliseconds. */
const GRACE = 5_000
const IMAGE = imageBytes(100_000)

let client = new ImmichClient([])

/** Immich: its workers and a person who searches, as a process of its own. */
const functions = {
  /** Pings the URLs. The load can start when it resolves. */
  async prepare(urls: readonly string[]): Promise<void> {
    client = new ImmichClient(urls)
    await client.start()
  },
  /**
   * @param begins On the machine's clock. Times of the records are milliseconds from it.
   * @param undecodable Share of the images that cannot be decoded.
   * @param idle Whether only searches are sent, one after the other.
   */
  async run(begins: number, seconds: number, undecodable: number, idle = false) {
    await sleepUntil(begins)
    const began = process.cpuUsage()
    const records: JobRecord[] = []
    const random = seeded('undecodable')
    const elapsed = () => now() - begins
    const more = () => elapsed() < seconds * 1000
    const options = {
      client,
      now: elapsed,
      more,
      image: new Blob([new Uint8Array(IMAGE)]),
      undecodable: {
        image: new Blob([new Uint8Array(IMAGE), UNDECODABLE]),
        next: () => random() < undecodable,
      },
      record: (record: JobRecord) => records.push(record),
    }
    const searches: Promise<void>[] = []
    const search = async () => {
      for (let i = 0; more(); i++) {
        searches.push(runSearch(options, `search ${i}`))
        if (idle) await searches.at(-1)
        else await sleep(Math.max(0, (i + 1) * SEARCH_INTERVAL - elapsed()))
      }
      await Promise.all(searches)
    }
    const late = setTimeout(() => client.close(), seconds * 1000 + GRACE)
    await Promise.all([search(), ...(idle ? [] : [runWorkers(options)])])
    clearTimeout(late)
    client.close()
    const { user, system } = process.cpuUsage(began)
    return { records, cores: (user + system) / 1000 / elapsed() }
  },
}

export type Load = typeof functions

offer(functions)
