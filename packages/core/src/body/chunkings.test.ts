import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { BodyCursor } from './body-reader.ts'
import { BodyStore } from './body-store.ts'
import { SpoolFile, type SpoolHandle } from './spool.ts'
import { StreamedBody } from './streamed-body.ts'

const KIB = 1024
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A step of a body's life. */
type Step =
  | { readonly kind: 'chunks'; readonly size: number; readonly times: number }
  | { readonly kind: 'turn' }
  | { readonly kind: 'open'; readonly borrows: boolean }
  | { readonly kind: 'take'; readonly reader: number; readonly times: number }
  | { readonly kind: 'releaseChunks'; readonly reader: number; readonly inUse: number }
  | { readonly kind: 'close'; readonly reader: number }
  | { readonly kind: 'retain' }
  | { readonly kind: 'hold in memory' }
  | { readonly kind: 'hold on disk' }
  | { readonly kind: 'release' }

function chunks(size: fc.Arbitrary<number>, most: number): fc.Arbitrary<Step> {
  return fc
    .tuple(size, fc.integer({ min: 1, max: most }))
    .map(([size, times]) => ({ kind: 'chunks', size, times }))
}

const step = fc.oneof(
  { weight: 6, arbitrary: chunks(fc.constant(1), 1_000) },
  { weight: 3, arbitrary: chunks(fc.integer({ min: 1, max: 5_000 }), 20) },
  { weight: 2, arbitrary: chunks(fc.constantFrom(4_095, 4_096, 4_097, 65_536), 3) },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'turn' }) },
  { weight: 2, arbitrary: fc.boolean().map<Step>((borrows) => ({ kind: 'open', borrows })) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.nat(3), fc.nat(9))
      .map<Step>(([reader, times]) => ({ kind: 'take', reader, times })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(3), fc.oneof(fc.nat(3), fc.nat(70_000)))
      .map<Step>(([reader, inUse]) => ({ kind: 'releaseChunks', reader, inUse })),
  },
  { weight: 1, arbitrary: fc.nat(3).map<Step>((reader) => ({ kind: 'close', reader })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('retain' as const, 'hold in memory' as const, 'hold on disk' as const)
      .map<Step>((kind) => ({ kind })),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'release' }) },
)

/** The bytes from one place in the body to another. */
function content(from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(to - from)
  for (let i = from; i < to; i++) bytes[i - from] = (i * 7 + (i >> 8)) & 0xff
  return bytes
}

/** A reader that compares each byte when it takes it, and again until it releases it. */
class Checker {
  readonly #cursor: BodyCursor
  /** Chunks in use: their position in the body, and their bytes. */
  #has: { readonly at: number; readonly chunk: Buffer }[] = []
  readonly #borrows: boolean
  at = 0
  ended = false

  constructor(body: StreamedBody, borrows: boolean) {
    this.#cursor = body.cursor(() => {})
    this.#borrows = borrows
    if (borrows) this.#cursor.borrow()
  }

  /** @returns Whether there was something to take. */
  take(): boolean {
    const taken = this.ended ? 'end' : this.#cursor.take()
    this.ended = taken === 'end'
    if (!Buffer.isBuffer(taken)) return false
    this.#has.push({ at: this.at, chunk: taken })
    this.at += taken.length
    this.check()
    return true
  }

  release(inUse: number): void {
    this.check()
    this.#cursor.release(inUse)
    if (this.#borrows) this.#has = this.#has.filter(({ at, chunk }) => at + chunk.length > this.at - inUse)
    this.check()
  }

  close(): void {
    this.#cursor.close()
    this.ended = true
  }

  check(): void {
    for (const [i, { at, chunk }] of this.#has.entries()) {
      const end = this.#has[i + 1]?.at ?? (i === this.#has.length - 1 ? this.at : at + chunk.length)
      if (!chunk.equals(content(at, end))) throw new Error(`other bytes from ${at} to ${end}`)
    }
  }
}

class Pushed extends Readable {
  override _read(): void {}
}

/** A file in memory, which takes turns to write and to read. */
class MemoryFile implements SpoolHandle {
  #bytes = Buffer.alloc(0)

  async writev(chunks: readonly Buffer[], place: number) {
    const written = Buffer.concat(chunks)
    await turn()
    if (!Buffer.concat(chunks).equals(written)) throw new Error('a chunk changed while it was written')
    this.#bytes = Buffer.concat([this.#bytes.subarray(0, place), written])
    return { bytesWritten: written.length }
  }

  async read(into: Buffer, at: number, length: number, place: number) {
    await turn()
    return { bytesRead: this.#bytes.copy(into, at, place, place + length) }
  }

  async close() {}
}

async function play(steps: readonly Step[], store: BodyStore): Promise<void> {
  const source = new Pushed()
  const body = new StreamedBody(source, { maxSize: 1e9, owned: true }, true)
  const readers = [new Checker(body, true)]
  let size = 0
  for (const it of steps) {
    if (it.kind === 'turn') await turn()
    else if (it.kind === 'chunks')
      for (let i = 0; i < it.times; i++) {
        source.push(content(size, size + it.size))
        size += it.size
      }
    else if (it.kind === 'open') {
      if (body.retained) readers.push(new Checker(body, it.borrows))
    } else if (it.kind === 'retain') body.retain(store)
    else if (it.kind === 'hold in memory') body.hold(store, 'memory')
    else if (it.kind === 'hold on disk') body.hold(store, 'disk')
    else if (it.kind === 'release') body.release()
    else {
      const reader = readers[it.reader % readers.length]
      if (it.kind === 'take') for (let i = 0; i < it.times && reader?.take(); i++) {}
      else if (it.kind === 'releaseChunks') reader?.release(it.inUse)
      else if (readers.length > 1) reader?.close()
    }
    for (const reader of readers) reader.check()
  }
  body.retain(store)
  source.push(null)
  const drain = async (reader: Checker) => {
    const closed = reader.ended
    while (!reader.ended) if (!reader.take()) await turn()
    if (!closed) expect(reader.at).toBe(size)
    reader.check()
  }
  await Promise.all(readers.map(drain))
  expect(store.kept).toBeLessThan(2 * size + 64 * KIB)
  const late = body.retained ? [new Checker(body, true)] : []
  body.release()
  for (const reader of readers) reader.release(0)
  await Promise.all(late.map(drain))
  body.destroy()
  expect([store.used, store.kept]).toEqual([0, 0])
}

it.each([
  ['in memory', 1e9],
  ['on disk when they are large', 20_000],
  ['on disk', 1],
])('bodies kept %s are the same bytes for every reader, however they are cut', async (_, bodyMemory) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      const store = new BodyStore({
        bodyMemory,
        spareMemory: 0,
        totalBodyMemory: 1e9,
        directory: undefined,
      })
      if (bodyMemory < 1e9)
        store.disk.open = (watch) => new SpoolFile(Promise.resolve(new MemoryFile()), watch)
      await play(steps, store)
    }),
    { numRuns: 60 },
  )
})
