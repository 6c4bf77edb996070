import { expect, it, vi } from 'vitest'
import { BodyStore, CHUNK_ROOM } from './body-store.ts'
import { Chain } from './chain.ts'
import { type Purpose, Retention } from './retention.ts'
import { SpoolFile } from './spool.ts'

const TOTAL = 4 * CHUNK_ROOM

/** A retention in a store without a disk. */
function retain(purpose: Purpose) {
  const store = new BodyStore({
    bodyMemory: TOTAL,
    spareMemory: 0,
    totalBodyMemory: TOTAL,
    directory: undefined,
  })
  const chain = new Chain()
  const watch = { onRoom: vi.fn(), onGivenUp: vi.fn() }
  const retention = new Retention(store, chain, chain.tail, purpose, watch)
  const append = (size: number) => {
    chain.append(Buffer.alloc(size), false)
    retention.update()
  }
  return { store, retention, append, ...watch }
}

it('gives up a body for a retry that is larger than the memory of all bodies', () => {
  const { append, onGivenUp } = retain('retry')
  append(TOTAL / 2)
  expect(onGivenUp).not.toHaveBeenCalled()
  append(TOTAL / 2 + 1)
  expect(onGivenUp).toHaveBeenCalledOnce()
})

it('keeps a queued body beyond the limit, and reads no more of it', () => {
  const { append, retention, store, onGivenUp } = retain('queue')
  append(TOTAL + 1)
  expect([onGivenUp.mock.calls, store.used, retention.readsAhead, retention.isFull]).toEqual([
    [],
    TOTAL + 1,
    true,
    true,
  ])
  expect(retention.requestRoom()).toBe(false)
})

it('gives up a counted body that is too large once it is retained for a retry', () => {
  const { append, retention, onGivenUp } = retain('count')
  append(TOTAL + 1)
  expect(onGivenUp).not.toHaveBeenCalled()
  retention.purpose = 'retry'
  expect(onGivenUp).toHaveBeenCalledOnce()
})

it('reads enough of a counted body to classify it, even without room', () => {
  const { append, retention, store } = retain('count')
  store.overdraw(TOTAL)
  store.awaitTurn(() => {})
  append(CHUNK_ROOM - 1)
  expect(retention.hasRoom).toBe(true)
  append(5_000)
  expect(retention.hasRoom).toBe(false)
})

it('releases its memory at the end', () => {
  const { append, retention, store } = retain('retry')
  append(5_000)
  append(10)
  expect(store.kept).toBeGreaterThan(5_010)
  retention.end()
  append(10)
  expect([store.used, store.kept, retention.hasRoom]).toEqual([0, 0, true])
})

it('moves a body to disk above its limit, and waits for the disk', async () => {
  const { append, retention, store, onRoom } = retain('hold')
  const file = {
    writev: async (chunks: readonly Buffer[]) => ({ bytesWritten: Buffer.concat(chunks).length }),
    read: async () => ({ bytesRead: 0 }),
    close: async () => {},
  }
  store.disk.open = (watch) => new SpoolFile(Promise.resolve(file), watch)
  append(600 * 1_024)
  expect([retention.file !== undefined, retention.hasRoom]).toEqual([true, false])
  await vi.waitFor(() => expect(onRoom).toHaveBeenCalled())
  expect([retention.hasRoom, store.used]).toEqual([true, 0])
})
