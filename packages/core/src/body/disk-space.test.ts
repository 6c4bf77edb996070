import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { temporaryDirectory } from '../../../../test/support/temporary-file.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { DiskSpace } from './disk-space.ts'
import { Link } from './link.ts'

const statfsSync = vi.hoisted(() => vi.fn())
vi.mock('node:fs', async (original) => ({ ...(await original<typeof import('node:fs')>()), statfsSync }))

const unwatched = { onWritten: () => {}, onFailed: () => {} }

it('reserves at most half of the free disk, which it reads every 10 s', async () => {
  const clock = new FakeClock()
  statfsSync.mockReturnValue({ bavail: 10, bsize: 10 })
  const disk = new DiskSpace(await temporaryDirectory(), clock)
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
  expect([disk.available, disk.open(unwatched)]).toEqual([false, undefined])
  expect(disk.hold(100, 100)).toBeDefined()
  expect(disk.hold(1, 100)).toBeUndefined()
})

it('counts the files of all its directories', async () => {
  const disk = new DiskSpace(await temporaryDirectory())
  const first = disk.open(unwatched)
  disk.configure(await temporaryDirectory())
  const second = disk.open(unwatched)
  expect(disk.usage).toEqual({ files: 2, bytes: 0 })
  first?.close()
  second?.close()
  second?.close()
  expect(disk.usage).toEqual({ files: 0, bytes: 0 })
})

it('removes files that a killed process left, and no others', async () => {
  const directory = await temporaryDirectory()
  const leftover = join(directory, `immich-ml-router-${crypto.randomUUID()}.body`)
  await Promise.all([leftover, join(directory, 'other.body')].map((path) => writeFile(path, '')))
  new DiskSpace(directory)
  await vi.waitFor(() => expect(existsSync(leftover)).toBe(false))
  expect(await readdir(directory)).toEqual(['other.body'])
})

it('warns once about a directory that cannot be written to', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  const disk = new DiskSpace(join(tmpdir(), crypto.randomUUID()))
  for (const text of ['a', 'b']) {
    const file = disk.open(unwatched)
    file?.write(new Link(Buffer.from(text), 1))
    await vi.waitFor(() => expect(file?.failure).toBeDefined())
    file?.close()
  }
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('(bodySpool): ENOENT'))
})

it('tells that a directory cannot be written to, and when that is over', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  const directory = join(await temporaryDirectory(), 'spool')
  const clock = new FakeClock()
  const disk = new DiskSpace(directory, clock)
  const told: (string | undefined)[] = []
  disk.watch((problem) => told.push(problem))
  const write = async () => {
    const watch = { onWritten: vi.fn(), onFailed: vi.fn() }
    const file = disk.open(watch)
    onTestFinished(() => file?.close())
    file?.write(new Link(Buffer.from('a'), 1))
    await vi.waitFor(() =>
      expect(watch.onWritten.mock.calls.length + watch.onFailed.mock.calls.length).toBe(1),
    )
  }
  await write()
  expect(told).toEqual([
    expect.stringMatching(/cannot be written to .*spool, .*ENOENT.*set bodySpool to another/),
  ])
  await mkdir(directory)
  statfsSync.mockReturnValue({ bavail: 1, bsize: 4_096 })
  disk.recheck()
  clock.shift(10_000)
  disk.recheck()
  expect(told).toHaveLength(1)
  statfsSync.mockReturnValue({ bavail: 100_000, bsize: 4_096 })
  disk.recheck()
  expect(told).toHaveLength(1)
  clock.shift(10_000)
  disk.recheck()
  disk.recheck()
  expect(told.slice(1)).toEqual([undefined])

  await rm(directory, { recursive: true })
  await write()
  await mkdir(directory)
  await write()
  expect(told.slice(2)).toEqual([expect.any(String), undefined])

  await rm(directory, { recursive: true })
  await write()
  disk.configure(await temporaryDirectory())
  clock.shift(10_000)
  disk.recheck()
  expect(told.slice(4)).toEqual([expect.any(String), undefined])
})
