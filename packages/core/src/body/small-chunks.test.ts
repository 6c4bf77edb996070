import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { BodyStore } from './body-store.ts'
import { SpoolFile, type SpoolHandle } from './spool.ts'
import { StreamedBody } from './streamed-body.ts'

const KIB = 1024
const SIZE = 300_000
/** What one link may cost beside its bytes: a Buffer, its ArrayBuffer and the link itself. */
const LINK = 500
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A source that pushes chunks at once, as Node's parser does with the chunks of one TCP segment. */
class Segments extends Readable {
  override _read(): void {}

  /** Pushes every byte as a chunk of its own, which shares its memory with no other. */
  bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.push(Buffer.from(Uint8Array.of(byte).buffer))
  }
}

/** Counts how often it is written to. */
class CountingFile implements SpoolHandle {
  readonly bytes = Buffer.alloc(2 * SIZE)
  writes = 0

  async writev(chunks: readonly Buffer[], place: number) {
    this.writes += chunks.length
    return { bytesWritten: Buffer.concat(chunks).copy(this.bytes, place) }
  }

  async read(into: Buffer, at: number, length: number, place: number) {
    return { bytesRead: this.bytes.copy(into, at, place, place + length) }
  }

  async close() {}
}

const content = Buffer.from(Array.from({ length: SIZE }, (_, i) => i % 251))

function storeOf({ bodyMemory = 1e9, file }: { bodyMemory?: number; file?: SpoolHandle } = {}): BodyStore {
  const store = new BodyStore({ bodyMemory, spareMemory: 0, totalBodyMemory: 1e9, directory: undefined })
  if (file !== undefined) store.disk.open = (watch) => new SpoolFile(Promise.resolve(file), watch)
  return store
}

function segmented() {
  const source = new Segments({ highWaterMark: 1 })
  const body = new StreamedBody(source, { maxSize: 1e9 }, true)
  return { source, body }
}

/** The chunks of a complete body for a reader that starts after the end. */
function chunksOf(body: StreamedBody): Buffer[] {
  const cursor = body.cursor(() => {})
  const chunks: Buffer[] = []
  for (let taken = cursor.take(); taken !== 'end'; taken = cursor.take()) {
    if (taken === 'wait') throw new Error('the body is not in memory')
    chunks.push(taken)
  }
  cursor.close()
  return chunks
}

/** Bytes of memory that these chunks keep. */
function memoryOf(chunks: readonly Buffer[]): number {
  const buffers = new Set(chunks.map(({ buffer }) => buffer))
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, LINK * chunks.length)
}

describe('a body in chunks of one byte', () => {
  it.each<[string, (body: StreamedBody, store: BodyStore) => unknown]>([
    ['that is read once', (body) => buffer(body.stream())],
    ['that is retained', (body, store) => [body.retain(store), buffer(body.stream())]],
    ['that is held', (body, store) => body.hold(store, 'memory')],
    ['whose reader is slow', (body) => body.cursor(() => {}).take()],
  ])('%s costs about twice its size', async (_, read) => {
    const { source, body } = segmented()
    read(body, storeOf())
    for (let at = 0; at < SIZE; at += 10_000) {
      source.bytes(content.subarray(at, at + 10_000))
      await turn()
    }
    source.push(null)
    const whole = buffer(body.stream())
    while (!body.complete) await turn()
    const chunks = chunksOf(body)
    expect(Buffer.concat(chunks).equals(content)).toBe(true)
    expect(memoryOf(chunks)).toBeLessThan(2 * SIZE + 64 * KIB)
    expect((await whole).equals(content)).toBe(true)
    body.destroy()
  })

  it('counts in the budget with all that it keeps', async () => {
    const store = storeOf()
    const { source, body } = segmented()
    body.retain(store)
    const whole = buffer(body.stream())
    source.bytes(content)
    source.push(null)
    await whole
    expect(store.used).toBe(SIZE)
    expect(store.kept).toBeGreaterThanOrEqual(memoryOf(chunksOf(body)))
    expect(store.kept).toBeLessThan(2 * SIZE + 64 * KIB)
    body.destroy()
    expect([store.used, store.kept]).toEqual([0, 0])
  })

  it('is written to disk in blocks, and read back in blocks', async () => {
    const file = new CountingFile()
    const store = storeOf({ bodyMemory: 1, file })
    const { source, body } = segmented()
    body.hold(store, 'disk')
    for (let at = 0; at < SIZE; at += 100) {
      source.bytes(content.subarray(at, at + 100))
      await turn()
    }
    source.push(null)
    while (!body.complete || store.used > 0) await turn()
    expect(file.writes).toBeLessThan(20)
    expect(store.kept).toBeLessThan(64 * KIB)
    let reads = 0
    const read: Buffer[] = []
    for await (const chunk of body.stream()) {
      reads++
      read.push(chunk)
    }
    expect(Buffer.concat(read).equals(content)).toBe(true)
    expect(reads).toBeLessThan(20)
    body.destroy()
    expect(store.kept).toBe(0)
  })

  it('is given to a waiting reader at once, and the rest of its segment in one chunk', async () => {
    const { source, body } = segmented()
    const got: string[] = []
    const cursor = body.cursor(() => read())
    const read = () => {
      for (let taken = cursor.take(); Buffer.isBuffer(taken); taken = cursor.take())
        got.push(taken.toString('latin1'))
    }
    read()
    await turn()
    source.push('a')
    expect(got).toEqual(['a'])
    source.bytes(Buffer.from('bcd'))
    await Promise.resolve()
    await turn()
    expect(got).toEqual(['a', 'bcd'])
    source.push('e')
    expect(got).toEqual(['a', 'bcd', 'e'])
    source.push(null)
  })

  it('does not pile up in front of a reader that is slow', async () => {
    const { source, body } = segmented()
    const reader = body.stream()
    reader.read(0)
    for (let i = 0; i < 2_000; i++) {
      source.push('x')
      await turn()
    }
    source.push(null)
    expect(reader.readableLength).toBeLessThan(20)
    expect((await buffer(reader)).length).toBe(2_000)
  })
})

describe('a body in large chunks', () => {
  it('is not copied', async () => {
    const chunks = [1, 2, 3].map((byte) => Buffer.alloc(64 * KIB, byte))
    const body = new StreamedBody(Readable.from(chunks, { objectMode: false }), { maxSize: 1e9 }, true)
    await buffer(body.stream())
    expect(chunksOf(body).map(({ buffer }) => buffer)).toEqual(chunks.map(({ buffer }) => buffer))
    for (const [i, chunk] of chunksOf(body).entries()) expect(chunk).toBe(chunks[i])
  })
})

it('a body of empty chunks keeps none of them', async () => {
  const empty = Array.from({ length: 1_000 }, () => Buffer.alloc(0))
  const body = new StreamedBody(Readable.from([...empty, Buffer.from('x')]), { maxSize: 1e9 }, true)
  await buffer(body.stream())
  expect(chunksOf(body).map(String)).toEqual(['x'])
})

describe('a body that is counted from its first byte', () => {
  it('counts while it is classified, without waiting for room', async () => {
    const store = new BodyStore({
      bodyMemory: 1e9,
      spareMemory: 0,
      totalBodyMemory: 100 * KIB,
      directory: undefined,
    })
    const source = Readable.from(
      Array.from({ length: 5 }, () => Buffer.alloc(50 * KIB)),
      { objectMode: false },
    )
    const body = new StreamedBody(source, { maxSize: 1e9, store }, true)
    const reader = body.stream()
    expect((await buffer(reader)).length).toBe(250 * KIB)
    expect(store.used).toBe(250 * KIB)
    const last = body.stream()
    body.retain(store)
    expect([body.retained, body.givenUp, store.kept]).toEqual([false, true, 0])
    expect((await buffer(last)).length).toBe(250 * KIB)
  })

  it('goes to disk beyond its share of the memory, and comes back from there', async () => {
    const file = new CountingFile()
    const store = storeOf({ bodyMemory: 10 * KIB, file })
    const source = Readable.from(
      Array.from({ length: 5 }, () => Buffer.alloc(50 * KIB, 'x')),
      { objectMode: false },
    )
    const body = new StreamedBody(source, { maxSize: 1e9, store }, true)
    await buffer(body.stream())
    while (store.used > 0) await turn()
    body.retain(store)
    expect(body.retained).toBe(true)
    expect((await buffer(body.stream())).equals(Buffer.alloc(250 * KIB, 'x'))).toBe(true)
    body.destroy()
  })
})
