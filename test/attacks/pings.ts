import { Worker } from 'node:worker_threads'

export interface Pings {
  /** Duration of the slowest ping, in milliseconds. */
  readonly slowest: number
  readonly count: number
}

/** Pings a gateway while `work` runs. A separate thread does it, so that the load of this thread does not count. */
export async function pingWhile(url: string, work: () => Promise<void>): Promise<Pings> {
  const worker = new Worker(new URL('ping-worker.mjs', import.meta.url), { workerData: `${url}/ping` })
  const result = new Promise<Pings>((resolve, reject) =>
    worker.once('message', resolve).once('error', reject),
  )
  try {
    await Promise.race([work(), result])
    worker.postMessage('stop')
    return await result
  } finally {
    await worker.terminate()
  }
}
