import { imageBytes, immichBody, immichForm } from '@immich-ml-router/core/testing'
import { describe, expect } from 'vitest'
import { post } from './support/client.ts'
import { startProcess, startTwiceOnSocket } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

/** What became of the jobs of Immich's workers. */
interface Tally {
  done: number
  lost: number
  /** Those that found no gateway. */
  refused: number
}

/** Immich's five workers: each sends a job, waits for its answer, and starts the next whatever that is. */
function workers(url: string): { tally: Tally; stop(): Promise<void> } {
  const tally: Tally = { done: 0, lost: 0, refused: 0 }
  let stopped = false
  const work = async () => {
    while (!stopped) {
      try {
        const body = immichForm('indexing', imageBytes(20_000))
        const response = await fetch(`${url}/predict`, { method: 'POST', body })
        await response.json()
        if (response.ok) tally.done++
        else tally.lost++
      } catch (error) {
        if (isRefused(error)) tally.refused++
        else tally.lost++
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }
  const working = Array.from({ length: 5 }, work)
  return {
    tally,
    stop: async () => {
      stopped = true
      await Promise.all(working)
    },
  }
}

function isRefused(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && Reflect.get(cause, 'code') === 'ECONNREFUSED'
}

describe.each(['package', 'koa'] as const)('the %s gateway that is told to stop', (which) => {
  itNeeds('signals')('loses at most the jobs that its five clients wait for', async () => {
    const ml = await stubMl({ serviceTime: 100 })
    const { url, child, exited, lines } = await startProcess(which, { ML_DEFAULT_URL: ml.url })
    const immich = workers(url)
    await until(() => immich.tally.done >= 20, 'jobs are done')
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
    await immich.stop()
    expect(immich.tally.lost).toBeLessThanOrEqual(5)
    await until(() => lines.some(({ msg }) => msg === 'stopped'), 'it says that it has stopped')
  })

  itNeeds('signals')('holds the job that a client sends once it has the last answer', async () => {
    const ml = await stubMl({ serviceTime: 200 })
    const { url, child, exited, lines } = await startProcess(which, { ML_DEFAULT_URL: ml.url })
    const running = post(url, immichBody('indexing', imageBytes(1_000)))
    await until(() => ml.started === 1, 'the job runs')
    child.kill('SIGTERM')
    await until(() => lines.some(({ msg }) => String(msg).startsWith('SIGTERM')), 'it is stopping')
    expect((await running).status).toBe(200)
    const next = await post(url, immichBody('indexing', imageBytes(1_000)))
    expect([next.status, next.headers.connection]).toEqual([503, 'close'])
    await expect(post(url, immichBody('indexing', imageBytes(1_000)))).rejects.toThrow('ECONNREFUSED')
    expect([await exited, ml.started]).toEqual([0, 1])
  })

  itNeeds('signals')('holds new requests while a job runs, and answers 503 to /ping', async () => {
    const ml = await stubMl({ serviceTime: 600 })
    const { url, child, exited, lines } = await startProcess(which, { ML_DEFAULT_URL: ml.url })
    const running = post(url, immichBody('indexing', imageBytes(1_000)))
    await until(() => ml.started === 1, 'the job runs')
    child.kill('SIGTERM')
    await until(() => lines.some(({ msg }) => String(msg).startsWith('SIGTERM')), 'it is stopping')
    const ping = await fetch(`${url}/ping`)
    expect([ping.status, (await fetch(url)).status]).toEqual([503, 200])
    const held = post(url, immichBody('textSearch', 'cat'))
    expect((await running).status).toBe(200)
    const { status, headers, body } = await held
    expect([status, JSON.parse(body.toString()).code, headers.connection]).toEqual([
      503,
      'router-closed',
      'close',
    ])
    expect([await exited, ml.started]).toEqual([0, 1])
    await expect(fetch(`${url}/ping`)).rejects.toThrow()
  })

  itNeeds('signals')('cuts what runs for longer than DRAIN_TIMEOUT', async () => {
    const ml = await stubMl({ fault: 'hang' })
    const env = { ML_DEFAULT_URL: ml.url, DRAIN_TIMEOUT: '200ms' }
    const { url, child, exited } = await startProcess(which, env)
    const running = post(url, immichBody('indexing', imageBytes(1_000)))
    await until(() => ml.started === 1, 'the job runs')
    child.kill('SIGTERM')
    expect((await running).status).toBe(503)
    expect(await exited).toBe(0)
  })

  itNeeds('signals')('loses no job on a socket that was handed over', async () => {
    const ml = await stubMl({ serviceTime: 100 })
    const { url, child, exited, pids } = await startTwiceOnSocket(which, { ML_DEFAULT_URL: ml.url })
    const immich = workers(url)
    await until(() => immich.tally.done >= 20, 'jobs are done')
    process.kill(pids()[0] ?? child.pid ?? 0, 'SIGTERM')
    await until(() => pids().length === 2, 'the next process runs', 20)
    const { done } = immich.tally
    await until(() => immich.tally.done >= done + 20, 'jobs are done by the next process')
    await immich.stop()
    expect(immich.tally).toMatchObject({ lost: 0, refused: 0 })
    process.kill(pids()[1] ?? child.pid ?? 0, 'SIGTERM')
    expect(await exited).toBe(0)
  })
})
