import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { DiskSpace } from './disk-space.ts'

const statfsSync = vi.hoisted(() => vi.fn())
vi.mock('node:fs', async (original) => ({ ...(await original<typeof import('node:fs')>()), statfsSync }))

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'disk-space-test-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

it('reserves at most half of the free disk, which it reads every 10 s', async () => {
  const clock = new FakeClock()
  statfsSync.mockReturnValue({ bavail: 10, bsize: 10 })
  const disk = new DiskSpace(await temporary(), clock)
  const release = disk.hold(30, 1_000)
  expect(release).toBeDefined()
  expect(disk.hold(21, 1_000)).toBeUndefined()
  statfsSync.mockReturnValue({ bavail: 20, bsize: 10 })
  clock.shift(10_000)
  expect(disk.hold(21, 1_000)).toBeUndefined()
  clock.shift(1)
  expect(disk.hold(21, 1_000)).toBeDefined()
  release?.()
  expect(disk.hold(79, 1_000)).toBeDefined()
  expect(disk.hold(1, 1_000)).toBeUndefined()
})

it('reserves up to the limit of held bodies without a disk', () => {
  const disk = new DiskSpace(undefined)
  expect([disk.available, disk.open()]).toEqual([false, undefined])
  expect(disk.hold(100, 100)).toBeDefined()
  expect(disk.hold(1, 100)).toBeUndefined()
})

it('counts the files of all its directories', async () => {
  const disk = new DiskSpace(await temporary())
  const first = disk.open()
  disk.configure(await temporary())
  const second = disk.open()
  expect(disk.usage).toEqual({ files: 2, bytes: 0 })
  first?.close()
  second?.close()
  second?.close()
  expect(disk.usage).toEqual({ files: 0, bytes: 0 })
})
