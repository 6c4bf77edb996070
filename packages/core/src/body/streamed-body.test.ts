import { randomBytes, randomUUID } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../../../../test/support/temporary-file.ts'
import { BodyFailedError, BodyReleasedError, BodyTooLargeError } from '../errors.ts'
import { BodyStore } from './body-store.ts'
import { SpoolFile, type SpoolHandle } from './spool.ts'
import { StreamedBody } from './streamed-body.ts'

const unlimited = { maxSize: Number.POSITIVE_INFINITY }
const chunks = ['one ', 'two ', 'three'].map((text) => Buffer.from(text))

function bodyOf(...parts: Buffer[]): StreamedBody {
  return new StreamedBody(Readable.from(parts, { objectMode: false }), unlimited, true)
}

describe('a replayable body', () => {
  it('reads nothing unless a reader waits', async () => {
    const source = new PassThrough({ highWaterMark: 1 })
    const body = new StreamedBody(source, unlimited, true)
    source.write('abc')
    await new Promise((resolve) => setImmediate(resolve))
    expect(body.size).toBe(0)
    const read = buffer(body.stream())
    source.end('def')
    expect((await read).toString()).toBe('abcdef')
    expect([body.size, body.complete]).toEqual([6, true])
  })

  it('can be read by a stream that is opened late, but not after its release', async () => {
    const body = bodyOf(...chunks)
    expect((await buffer(body.stream())).toString()).toBe('one two three')
    const late = body.stream()
    body.release()
    expect((await buffer(late)).toString()).toBe('one two three')
    expect(() => body.stream()).toThrow(BodyReleasedError)
  })

  it('is complete with the last byte of its exact size', async () => {
    const source = new PassThrough()
    const body = new StreamedBody(source, { ...unlimited, exactSize: 5 }, true)
    const read = buffer(body.stream())
    source.write('whole')
    expect([(await read).toString(), body.complete]).toEqual(['whole', true])
  })

  it('begins with a chunk that was read before', async () => {
    const source = Readable.from(chunks.slice(1), { objectMode: false })
    const body = new StreamedBody(source, { ...unlimited, first: chunks[0] }, true)
    expect(body.size).toBe(4)
    expect((await buffer(body.stream())).toString()).toBe('one two three')
  })

  it('is not retained by its source once it is complete, and ignores a late error of it', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const source = new PassThrough()
    const readOne = async () => {
      const body = new StreamedBody(source, unlimited, false)
      const read = buffer(body.stream())
      source.end('one')
      expect((await read).toString()).toBe('one')
      source.emit('error', new Error('too late'))
      expect(body.complete).toBe(true)
      return new WeakRef(body)
    }
    const body = await readOne()
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(body.deref()).toBeUndefined()
  })

  it('fails every reader, early or late, at the limit', async () => {
    const body = new StreamedBody(Readable.from(chunks, { objectMode: false }), { maxSize: 7 }, true)
    await expect(buffer(body.stream())).rejects.toThrow(BodyTooLargeError)
    await expect(buffer(body.stream())).rejects.toThrow(BodyTooLargeError)
  })

  it('fails if its source is closed before its end, or has chunks that are not bytes', async () => {
    const source = new PassThrough()
    const cut = buffer(new StreamedBody(source, unlimited, true).stream())
    source.destroy()
    await expect(cut).rejects.toThrow(BodyFailedError)
    const objects = new StreamedBody(Readable.from([{ no: 'bytes' }]), unlimited, true)
    await expect(buffer(objects.stream())).rejects.toThrow(/chunks that are not bytes/)
  })
})

/** A file that is written in memory, and fails once it holds more than it may. */
class FakeFile implements SpoolHandle {
  readonly bytes = Buffer.alloc(1_000)
  readonly #limit: number
  closed = 0

  constructor(limit = 1_000) {
    this.#limit = limit
  }

  async writev(chunks: readonly Buffer[], place: number) {
    const written = Buffer.concat(chunks)
    if (place + written.length > this.#limit) throw new Error('ENOSPC: no space left on device')
    written.copy(this.bytes, place)
    return { bytesWritten: written.length }
  }

  async read(chunk: Buffer, at: number, length: number, place: number) {
    return { bytesRead: this.bytes.copy(chunk, at, place, place + length) }
  }

  async close() {
    this.closed++
  }
}

/** A store with limits in bytes, and a file for larger bodies. */
function storeOf(bodyMemory: number, totalBodyMemory: number, file?: FakeFile, spareMemory = 0): BodyStore {
  const store = new BodyStore({ bodyMemory, spareMemory, totalBodyMemory, directory: undefined })
  if (file !== undefined) store.disk.open = (watch) => new SpoolFile(Promise.resolve(file), watch)
  return store
}

const KIB = 1024
const PIECE = Buffer.alloc(50 * KIB)
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('retaining in memory alone', () => {
  it('ends if the body is larger than the memory of all bodies, and releases the memory', async () => {
    const store = storeOf(1000 * KIB, 300 * KIB)
    const small = bodyOf(...chunks)
    small.retain(store)
    await buffer(small.stream())
    expect([small.retained, store.used]).toEqual([true, 13])
    const large = bodyOf(...Array.from({ length: 7 }, () => PIECE))
    const reader = large.stream()
    large.retain(store)
    expect((await buffer(reader)).length).toBe(350 * KIB)
    expect([large.retained, store.used]).toEqual([false, 13])
    small.destroy()
    small.destroy()
    expect(store.used).toBe(0)
  })

  it('queues uploads for room, and gives none up', async () => {
    const store = storeOf(1000 * KIB, 300 * KIB)
    let most = 0
    const bodies = Array.from({ length: 3 }, () => bodyOf(PIECE, PIECE, PIECE, PIECE))
    const ends = bodies.map(async (body) => {
      body.retain(store)
      const { length } = await buffer(body.stream())
      await turn()
      most = Math.max(most, store.used)
      body.release()
      return length
    })
    expect(await Promise.all(ends)).toEqual(Array(3).fill(200 * KIB))
    // Without room, one body goes on at a time.
    expect(most).toBeGreaterThan(300 * KIB)
    expect(most).toBeLessThan((300 + 200) * KIB)
    expect([store.used, bodies.map(({ givenUp }) => givenUp)]).toEqual([0, [false, false, false]])
  })

  it('passes the turn on when the oldest body is held', async () => {
    const store = storeOf(1000 * KIB, 300 * KIB)
    store.overdraw(300 * KIB)
    const [first, second] = [bodyOf(PIECE), bodyOf(PIECE)]
    first.retain(store)
    await buffer(first.stream())
    second.retain(store)
    const read = buffer(second.stream())
    await turn()
    expect([first.complete, second.size]).toEqual([true, 0])
    first.hold(store, 'memory')
    expect((await read).length).toBe(50 * KIB)
  })

  it('has room for a larger body as long as all bodies leave as much free', () => {
    const store = storeOf(5, 1000, undefined, 40)
    store.overdraw(26)
    // The spare memory is bounded by the limit of all bodies.
    const poor = storeOf(5, 20, undefined, 1000)
    expect([store.share, poor.share]).toEqual([14, 20])
    poor.overdraw(18)
    expect(poor.share).toBe(5)
  })

  it('counts bytes that arrived before', async () => {
    const store = storeOf(100, 100)
    const body = bodyOf(...chunks)
    await buffer(body.stream())
    body.retain(store)
    expect(store.used).toBe(13)
    body.release()
    expect(store.used).toBe(0)
  })
})

describe('retaining on disk', () => {
  it('does not wait for room in memory', async () => {
    const directory = await temporaryDirectory()
    const store = new BodyStore({ bodyMemory: 5, spareMemory: 0, totalBodyMemory: 100, directory })
    const bodies = [bodyOf(...chunks), bodyOf(...chunks)]
    for (const body of bodies) {
      body.retain(store)
      expect((await buffer(body.stream())).toString()).toBe('one two three')
    }
    expect(bodies.map(({ retained }) => retained)).toEqual([true, true])
    expect(store.disk.usage.files).toBe(2)
    for (const body of bodies) body.destroy()
  })

  it('keeps what is too large for memory, for later readers', async () => {
    const file = new FakeFile()
    const store = storeOf(5, 100, file)
    const body = bodyOf(...chunks)
    body.retain(store)
    for (let i = 0; i < 3; i++) expect((await buffer(body.stream())).toString()).toBe('one two three')
    expect([body.retained, store.used]).toEqual([true, 0])
    expect(file.bytes.subarray(0, 13).toString()).toBe('one two three')
    const late = body.stream()
    body.release()
    await turn()
    expect(file.closed).toBe(0)
    expect((await buffer(late)).toString()).toBe('one two three')
    await turn()
    expect(file.closed).toBe(1)
  })

  it('ends when the disk is full: open readers go on, and no new one can start', async () => {
    const file = new FakeFile(10)
    const source = new PassThrough()
    const body = new StreamedBody(source, unlimited, true)
    const store = storeOf(5, 100, file)
    body.retain(store)
    const [fast, slow] = [body.stream(), body.stream()]
    const whole = buffer(fast)
    for (const chunk of chunks) {
      source.write(chunk)
      for (let i = 0; i < 5; i++) await turn()
    }
    source.end('!')
    expect((await whole).toString()).toBe('one two three!')
    expect([body.retained, store.used]).toEqual([false, 0])
    expect((await buffer(slow)).toString()).toBe('one two three!')
    await turn()
    expect(file.closed).toBe(1)
  })

  it('slows the sender down to the speed of the disk', async () => {
    const { promise: opened, resolve } = Promise.withResolvers<SpoolHandle>()
    const store = storeOf(5, 1e9)
    store.disk.open = (watch) => new SpoolFile(opened, watch)
    const megabytes = Array.from({ length: 80 }, () => Buffer.alloc(50_000, 'x'))
    const body = bodyOf(...megabytes)
    body.retain(store)
    const read = buffer(body.stream())
    for (let i = 0; i < 200; i++) await turn()
    expect(body.size).toBeLessThan(700_000)
    resolve({
      writev: async (chunks) => ({
        bytesWritten: chunks.reduce((sum, { length }) => sum + length, 0),
      }),
      read: async () => ({ bytesRead: 0 }),
      close: async () => {},
    })
    expect((await read).length).toBe(4_000_000)
  })

  it('fails its reader if the file is shorter than what was written', async () => {
    const file = new FakeFile()
    const body = bodyOf(...chunks)
    body.retain(storeOf(5, 100, file))
    await buffer(body.stream())
    await turn()
    file.read = async () => ({ bytesRead: 0 })
    await expect(buffer(body.stream())).rejects.toThrow(/could not be read from.*shorter/)
  })

  it('uses a file that only its owner can read and that has no name', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, `immich-ml-router-${randomUUID()}.body`), 'leftover')
    await writeFile(join(directory, 'other'), '')
    const store = new BodyStore({ bodyMemory: 5, spareMemory: 0, totalBodyMemory: 100, directory })
    const large = randomBytes(3_000_000)
    const body = new StreamedBody(Readable.from([large], { objectMode: false }), unlimited, true)
    body.retain(store)
    expect((await buffer(body.stream())).equals(large)).toBe(true)
    while (store.used > 0) await turn()
    expect((await buffer(body.stream())).equals(large)).toBe(true)
    expect(await readdir(directory)).toEqual(['other'])
    body.destroy()
  })
})

describe('holding', () => {
  it('reads to the end without a reader, and moves a large body to disk', async () => {
    const store = storeOf(1e6, 1e9, undefined)
    const directory = await temporaryDirectory()
    const onDisk = new BodyStore({ bodyMemory: 1e6, spareMemory: 0, totalBodyMemory: 1e9, directory })
    const large = randomBytes(300_000)
    const body = new StreamedBody(
      Readable.from([large], { objectMode: false, highWaterMark: 1 }),
      unlimited,
      true,
    )
    let ready = 0
    body.hold(onDisk, 'disk', () => ready++)
    expect([body.ready, ready]).toEqual([false, 0])
    while (!body.complete || onDisk.used > 0) await turn()
    expect([body.ready, ready]).toEqual([true, 1])
    body.retain(onDisk)
    expect((await buffer(body.stream())).equals(large)).toBe(true)
    const small = bodyOf(...chunks)
    small.hold(store, 'disk')
    while (!small.complete) await turn()
    expect([store.used, small.retained]).toEqual([13, true])
    body.destroy()
  })

  it.each([
    ['there is no disk', undefined],
    ['the disk is full', new FakeFile(0)],
  ])('where %s reads what fits into the memory of all, and loses nothing', async (_, file) => {
    const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(50_000, i))
    const store = storeOf(100_000, 500_000, file)
    const body = bodyOf(...pieces)
    let ready = 0
    body.hold(store, 'disk', () => ready++)
    for (let i = 0; i < 300; i++) await turn()
    expect([body.complete, body.ready, ready]).toEqual([false, true, 1])
    expect(body.size).toBeGreaterThan(300_000)
    expect(body.size).toBeLessThan(700_000)
    const reader = body.stream()
    body.retain(store)
    expect((await buffer(reader)).equals(Buffer.concat(pieces))).toBe(true)
    expect([body.retained, body.givenUp, store.used]).toEqual([false, true, 0])
  })
})
