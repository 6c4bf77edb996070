import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeClock } from '../../../test/support/fake-clock.ts'
import { settled } from '../../../test/support/fake-resolver.ts'
import { until } from '../../../test/support/servers.ts'
import { FileWatcher } from './file-watcher.ts'

/** A file of which nothing is heard, so that it is looked at now and then. */
function unheard(first: string) {
  const clock = new FakeClock()
  const file = { text: first, reads: 0 }
  const told: string[] = []
  const watcher = new FileWatcher('/no/such/directory/router.yaml', first, {
    clock,
    onChange: () => told.push(file.text),
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
  return { clock, file, told, watcher, advance }
}

describe('a file of which nothing is heard', () => {
  it('is looked at every five seconds, and what is in it is told once it has stood still', async () => {
    const { file, told, advance } = unheard('a')
    await advance(20_000)
    expect([told, file.reads]).toEqual([[], 3])
    file.text = 'b'
    await advance(5_300)
    expect(told).toEqual(['b'])
    await advance(20_000)
    expect(told).toEqual(['b'])
  })

  it('is not told of while it is being written', async () => {
    const { file, told, watcher, advance } = unheard('a')
    for (const text of ['', 'b', 'bb', 'bbb']) {
      file.text = text
      watcher.look()
      await advance(100)
    }
    expect(told).toEqual([])
    await advance(200)
    expect(told).toEqual(['bbb'])
  })

  it('is not told of when it is gone for a moment, or what is in it is the same again', async () => {
    const { file, told, watcher, advance } = unheard('a')
    file.text = 'ENOENT'
    watcher.look()
    await advance(100)
    file.text = 'a'
    await advance(10_000)
    expect(told).toEqual([])
  })

  it('is told of when it is gone, once, and when it is back', async () => {
    const { file, told, advance } = unheard('a')
    file.text = 'ENOENT'
    await advance(20_000)
    expect(told).toEqual([file.text])
    file.text = 'a'
    await advance(5_300)
    expect(told.slice(1)).toEqual(['a'])
  })

  it('is looked at once for many events', async () => {
    const { file, watcher, advance } = unheard('a')
    for (let i = 0; i < 100; i++) watcher.look()
    await advance(500)
    expect(file.reads).toBe(1)
  })

  it('is looked at no more when the watching is over', async () => {
    const { clock, file, told, watcher } = unheard('a')
    file.text = 'b'
    watcher.look()
    clock.advance(100)
    watcher.close()
    await settled()
    watcher.look()
    clock.advance(60_000)
    await settled()
    expect([told, file.reads, clock.pending]).toEqual([[], 1, 0])
  })
})

/** A clock that does not wait: what is heard of a file is all that has it looked at. */
const hasty = {
  now: () => 0,
  after(milliseconds: number, callback: () => void) {
    const timer = milliseconds >= 1_000 ? undefined : setTimeout(callback, 5)
    return () => clearTimeout(timer)
  },
}

describe('a file in a directory that can be watched', () => {
  async function watched() {
    const directory = await mkdtemp(join(tmpdir(), 'immich-ml-router-test-'))
    onTestFinished(() => rm(directory, { recursive: true, force: true }))
    const path = join(directory, 'router.yaml')
    /** What Kubernetes does with a ConfigMap: the file is a link into a directory that is a link to be replaced. */
    const version = async (name: string, text: string) => {
      await mkdir(join(directory, name))
      await writeFile(join(directory, name, 'router.yaml'), text)
      await symlink(name, join(directory, '..data_tmp'))
      await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    }
    return { directory, path, version, read: () => readFile(path, 'utf8').catch(String) }
  }

  it('is told of when it is written in place, and when another is renamed to it', async () => {
    const { directory, path, read } = await watched()
    await writeFile(path, 'a')
    let told = 0
    const watcher = new FileWatcher(path, 'a', { clock: hasty, read, onChange: () => told++ })
    onTestFinished(() => watcher.close())
    await writeFile(path, 'b')
    await until(() => told === 1, 'it is told of what was written in place')
    await writeFile(join(directory, 'new'), 'c')
    await rename(join(directory, 'new'), path)
    await until(() => told === 2, 'it is told of what was renamed')
    await writeFile(path, 'd')
    await until(() => told === 3, 'it is told of what was written to the renamed one')
  })

  it('is told of when a link on the way to it leads elsewhere', async () => {
    const { directory, path, version, read } = await watched()
    await version('..1', 'a')
    await symlink('..data/router.yaml', path)
    let told = 0
    const watcher = new FileWatcher(path, 'a', { clock: hasty, read, onChange: () => told++ })
    onTestFinished(() => watcher.close())
    await version('..2', 'b')
    await until(() => told === 1, 'it is told of the second version')
    await rm(join(directory, '..1'), { recursive: true })
    await version('..3', 'c')
    await until(() => told === 2, 'it is told of the third version')
  })
})
