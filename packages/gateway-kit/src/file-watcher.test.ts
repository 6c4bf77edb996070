import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FakeClock } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { settled } from '../../../test/support/fake-resolver.ts'
import { until } from '../../../test/support/servers.ts'
import { temporaryDirectory } from '../../../test/support/temporary-file.ts'
import { FileWatcher } from './file-watcher.ts'

/** A watcher of a file whose directory sends no events. */
function withoutEvents(first: string) {
  const clock = new FakeClock()
  const file = { text: first, reads: 0 }
  const reported: string[] = []
  const watcher = new FileWatcher('/no/such/directory/router.yaml', first, {
    clock,
    onChange: () => reported.push(file.text),
    read: async () => {
      file.reads++
      return file.text
    },
  })
  onTestFinished(() => {
    watcher.close()
    expect(clock.pending).toBe(0)
  })
  const advance = async (milliseconds: number) => {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      clock.advance(50)
      await settled()
    }
  }
  return { clock, file, reported, watcher, advance }
}

describe('a file without events', () => {
  it('is read every 5 s; a change is reported once the contents are stable', async () => {
    const { file, reported, advance } = withoutEvents('a')
    await advance(20_000)
    expect([reported, file.reads]).toEqual([[], 3])
    file.text = 'b'
    await advance(5_300)
    expect(reported).toEqual(['b'])
    await advance(20_000)
    expect(reported).toEqual(['b'])
  })

  it('is not reported while it is being written', async () => {
    const { file, reported, watcher, advance } = withoutEvents('a')
    for (const text of ['', 'b', 'bb', 'bbb']) {
      file.text = text
      watcher.check()
      await advance(100)
    }
    expect(reported).toEqual([])
    await advance(200)
    expect(reported).toEqual(['bbb'])
  })

  it('is not reported if it disappears for a moment and the contents are the same again', async () => {
    const { file, reported, watcher, advance } = withoutEvents('a')
    file.text = 'ENOENT'
    watcher.check()
    await advance(100)
    file.text = 'a'
    await advance(10_000)
    expect(reported).toEqual([])
  })

  it('is reported once when it is gone, and when it is back', async () => {
    const { file, reported, advance } = withoutEvents('a')
    file.text = 'ENOENT'
    await advance(20_000)
    expect(reported).toEqual([file.text])
    file.text = 'a'
    await advance(5_300)
    expect(reported.slice(1)).toEqual(['a'])
  })

  it('is read once for many events', async () => {
    const { file, watcher, advance } = withoutEvents('a')
    for (let i = 0; i < 100; i++) watcher.check()
    await advance(500)
    expect(file.reads).toBe(1)
  })

  it('is not read after the watcher is closed', async () => {
    const { clock, file, reported, watcher } = withoutEvents('a')
    file.text = 'b'
    watcher.check()
    clock.advance(100)
    watcher.close()
    await settled()
    watcher.check()
    clock.advance(60_000)
    await settled()
    expect([reported, file.reads, clock.pending]).toEqual([[], 1, 0])
  })
})

/** A clock with short timers and no checks at intervals, so that only events cause a check. */
const fast = {
  now: () => 0,
  after(milliseconds: number, callback: () => void) {
    const timer = milliseconds >= 1_000 ? undefined : setTimeout(callback, 5)
    return () => clearTimeout(timer)
  },
}

describe('a file in a directory that can be watched', () => {
  async function watched() {
    const directory = await temporaryDirectory()
    const path = join(directory, 'router.yaml')
    /** Replaces the file like Kubernetes: it is a link through a directory link, which is replaced. */
    const version = async (name: string, text: string) => {
      await mkdir(join(directory, name))
      await writeFile(join(directory, name, 'router.yaml'), text)
      await symlink(name, join(directory, '..data_tmp'))
      await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    }
    return { directory, path, version, read: () => readFile(path, 'utf8').catch(String) }
  }

  it('is reported when it is written in place, and when another file is renamed to it', async () => {
    const { directory, path, read } = await watched()
    await writeFile(path, 'a')
    let reported = 0
    const watcher = new FileWatcher(path, 'a', { clock: fast, read, onChange: () => reported++ })
    onTestFinished(() => watcher.close())
    await writeFile(path, 'b')
    await until(() => reported === 1, 'the write in place is reported')
    await writeFile(join(directory, 'new'), 'c')
    await rename(join(directory, 'new'), path)
    await until(() => reported === 2, 'the renamed file is reported')
    await writeFile(path, 'd')
    await until(() => reported === 3, 'the write to the renamed file is reported')
  })

  it('is reported when a link in its path points elsewhere', async () => {
    const { directory, path, version, read } = await watched()
    await version('..1', 'a')
    await symlink('..data/router.yaml', path)
    let reported = 0
    const watcher = new FileWatcher(path, 'a', { clock: fast, read, onChange: () => reported++ })
    onTestFinished(() => watcher.close())
    await version('..2', 'b')
    await until(() => reported === 1, 'the second version is reported')
    await rm(join(directory, '..1'), { recursive: true })
    await version('..3', 'c')
    await until(() => reported === 2, 'the third version is reported')
  })
})
