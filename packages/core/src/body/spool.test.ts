import { expect, it, vi } from 'vitest'
import { Link } from './link.ts'
import { SpoolFile, type SpoolHandle } from './spool.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

function linkOf(text: string): Link {
  return new Link(Buffer.from(text), text.length)
}

/** A file whose writes complete one at a time. */
function slowFile() {
  const writes: { text: string; offset: number; done: (bytesWritten?: number) => void }[] = []
  const handle: SpoolHandle = {
    writev: (chunks, offset) =>
      new Promise((resolve) => {
        const text = Buffer.concat(chunks).toString()
        writes.push({ text, offset, done: (bytesWritten = text.length) => resolve({ bytesWritten }) })
      }),
    read: async () => ({ bytesRead: 0 }),
    close: async () => {},
  }
  return { writes, handle: Promise.resolve(handle) }
}

it('joins links that arrive during a write', async () => {
  const { writes, handle } = slowFile()
  let released = 0
  const file = new SpoolFile(handle, {
    onWritten: (bytes) => {
      released += bytes
    },
    onFailed: () => {},
  })
  const links = ['ab', 'c', 'de'].map(linkOf)
  for (const link of links) {
    file.write(link)
    await turn()
  }
  writes[0]?.done()
  await turn()
  expect(writes.map(({ text, offset }) => [text, offset])).toEqual([
    ['ab', 0],
    ['cde', 2],
  ])
  writes[1]?.done()
  await turn()
  expect(links.map((link) => [link.offset, link.from(0)])).toEqual(
    [0, 2, 3].map((offset) => [offset, undefined]),
  )
  expect([released, file.pending]).toEqual([5, 0])
})

it('keeps a link in memory if the disk is full', async () => {
  const { writes, handle } = slowFile()
  const failed = vi.fn()
  const file = new SpoolFile(handle, { onWritten: () => {}, onFailed: failed })
  const link = linkOf('abc')
  file.write(link)
  await turn()
  writes[0]?.done(2)
  await turn()
  expect(failed).toHaveBeenCalledExactlyOnceWith(new Error('wrote only 2 of 3 bytes; the disk is full'))
  expect([link.from(0)?.toString(), file.failure?.message]).toEqual([
    'abc',
    expect.stringContaining('disk is full'),
  ])
})
