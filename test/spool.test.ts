import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { post } from './support/client.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'
import { file } from './support/temporary-file.ts'

const MB = 1_000_000

/** A gateway whose two backends have read what they got, and answer when they are let. */
async function gateway(options: Partial<RouterOptions>) {
  const stubs = await Promise.all([stubMl({ fault: 'hang' }), stubMl({ fault: 'hang' })])
  const router = createRouter({
    backends: {
      a: { url: stubs[0].url, maxConcurrent: 'unlimited' },
      b: { url: stubs[1].url, maxConcurrent: 'unlimited' },
    },
    health: false,
    ...options,
  })
  onTestFinished(() => router.close())
  const { url } = await listen((req, res) => router.handle(req, res))
  const arrived = () => stubs.flatMap(({ received }) => received)
  const { bodies, notices } = { bodies: () => router.status().bodies, notices: () => router.status().notices }
  return { url, arrived, bodies, notices }
}

it('notes while bodies cannot go to disk', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  const directory = join(dirname(await file('unused', '')), 'spool')
  await mkdir(directory)
  const { url, arrived, bodies, notices } = await gateway({ bodyMemory: '10kb', bodySpool: directory })
  await rm(directory, { recursive: true })
  const send = () => void post(url, immichBody('indexing', imageBytes(2 * MB))).catch(() => {})
  send()
  await until(() => notices().length === 1, 'the first write has failed')
  expect(notices()).toEqual([
    {
      kind: 'body-spool',
      level: 'error',
      message: expect.stringContaining(`Request bodies cannot be written to ${directory}, so`),
    },
  ])
  await mkdir(directory)
  send()
  await until(() => arrived().filter(({ complete }) => complete).length === 2, 'the backends have both')
  await until(() => bodies().disk > 0, 'the second one is on disk')
  expect(notices()).toEqual([])
})

describe('what is larger than bodyMemory', () => {
  it('stays in memory where there is plenty', async () => {
    const { url, arrived, bodies } = await gateway({})
    const body = immichBody('indexing', imageBytes(2 * MB))
    void post(url, body).catch(() => {})
    await until(() => arrived().some(({ complete }) => complete), 'the backend has it')
    expect(arrived()[0]?.sha256).toBe(sha256(body))
    expect(bodies()).toMatchObject({ memory: body.length, disk: 0, files: 0 })
  })

  it('goes to disk where many are', async () => {
    const { url, arrived, bodies } = await gateway({})
    const body = immichBody('indexing', imageBytes(8 * MB))
    for (let i = 0; i < 12; i++) void post(url, body).catch(() => {})
    await until(() => arrived().filter(({ complete }) => complete).length === 12, 'the backends have them')
    await until(
      () => bodies().memory + bodies().disk === 12 * body.length,
      'what is not in memory is on disk',
    )
    expect(new Set(arrived().map((it) => it.sha256))).toEqual(new Set([sha256(body)]))
    expect(bodies().files).toBeGreaterThan(6)
    expect(bodies().memory).toBeLessThan(32 * 1024 * 1024)
  })

  it('goes to disk where little memory is to be taken', async () => {
    const { url, arrived, bodies } = await gateway({ bodyMemory: '10kb' })
    const body = immichBody('indexing', imageBytes(2 * MB))
    void post(url, body).catch(() => {})
    await until(() => arrived().some(({ complete }) => complete), 'the backend has it')
    await until(() => bodies().disk === body.length, 'it is on disk')
    expect(bodies()).toMatchObject({ memory: 0, files: 1 })
  })
})
