import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { BodyStore } from './body-store.ts'
import { SpoolFile, type SpoolHandle } from './spool.ts'
import { StreamedBody } from './streamed-body.ts'

const LARGE = 'x'.repeat(10_000)
/** A small chunk that fills the block, and goes on in the next. */
const FILLING = 'y'.repeat(2_000)
const turn = () => new Promise((resolve) => setImmediate(resolve))

class MemoryFile implements SpoolHandle {
  bytes = Buffer.alloc(0)

  async writev(chunks: readonly Buffer[], place: number) {
    const written = Buffer.concat(chunks)
    this.bytes = Buffer.concat([this.bytes.subarray(0, place), written])
    return { bytesWritten: written.length }
  }

  async read(into: Buffer, at: number, length: number, place: number) {
    return { bytesRead: this.bytes.copy(into, at, place, place + length) }
  }

  async close() {}
}

/** A body whose reader has borrowed the first bytes of a block of small chunks. */
async function inBlock(retain: 'memory' | 'not') {
  const file = new MemoryFile()
  const store = new BodyStore({ bodyMemory: 1e6, spareMemory: 0, totalBodyMemory: 1e9, directory: undefined })
  store.disk.open = (watch) => new SpoolFile(Promise.resolve(file), watch)
  const source = new Readable({ read: () => {} })
  const body = new StreamedBody(source, { maxSize: 1e9 }, true)
  const cursor = body.cursor(() => {})
  cursor.borrow()
  const push = async (...chunks: string[]) => {
    for (const chunk of chunks) source.push(chunk)
    await turn()
  }
  /** Takes all that has arrived. */
  const take = async () => {
    let text = ''
    for (let waits = 0; waits < 5; ) {
      const taken = cursor.take()
      if (taken === 'end') break
      if (Buffer.isBuffer(taken)) text += taken
      else {
        waits++
        await turn()
      }
    }
    return text
  }
  if (retain === 'not') body.release()
  else body.retain(store)
  await take()
  await push('a', 'b')
  expect(await take()).toBe('ab')
  return { body, store, file, cursor, push, take }
}

describe('a reader in a block that grows', () => {
  it('gets the rest after it and the body were released', async () => {
    const { body, cursor, push, take } = await inBlock('memory')
    cursor.release()
    await push('c')
    body.release()
    expect(await take()).toBe('c')
  })

  it('gets the rest after it releases the first bytes of a full block', async () => {
    const { cursor, push, take } = await inBlock('not')
    await push(FILLING)
    cursor.release()
    expect(await take()).toBe(FILLING)
  })

  it('gets the rest after it releases bytes of a full block, and the body is released', async () => {
    const { body, cursor, push, take } = await inBlock('memory')
    await push(FILLING)
    cursor.release()
    body.release()
    expect(await take()).toBe(FILLING)
  })

  it('gets the rest from disk, which has every byte once', async () => {
    const { body, store, file, push, take } = await inBlock('memory')
    await push('c', 'd')
    body.hold(store, 'disk')
    await push(LARGE, LARGE, 'e', 'f')
    expect(store.used).toBeLessThan(10)
    expect(await take()).toBe(`cd${LARGE}${LARGE}ef`)
    expect(file.bytes.toString()).toBe(`abcd${LARGE}${LARGE}e`)
    body.destroy()
  })
})
