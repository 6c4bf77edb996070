import { Worker } from 'node:worker_threads'

export interface Pings {
  /** Milliseconds of the slowest. */
  readonly slowest: number
  readonly count: number
}

/** Asks for /ping from a thread of its own, so that this process's own work does not count, while `work` runs. */
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
