import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { LogOutput } from './log-output.ts'

/** A reader that reads a line only on demand. */
function reader() {
  const read: string[] = []
  const waiting: ((error?: Error) => void)[] = []
  const stream = new Writable({
    decodeStrings: false,
    write: (line, _encoding, done) => {
      waiting.push((error) => {
        if (error === undefined) read.push(String(line))
        done(error)
      })
    },
    destroy: (_error, done) => done(null),
  })
  const take = async (error?: Error) => {
    waiting.shift()?.(error)
    await nextTurn()
  }
  return { stream, read, take }
}

describe('the log output', () => {
  it('drops lines beyond its limit and reports how many, once half of it is free', async () => {
    const { stream, read, take } = reader()
    const reported: number[] = []
    const output = new LogOutput(stream, { limit: 10 })
    output.whenDropped((count) => reported.push(count))
    for (const line of ['aaaa', 'bbbb', 'cccc', 'dddd', 'ee']) output.write(line)
    expect(stream.writableLength).toBeLessThanOrEqual(10)
    await take()
    expect(reported).toEqual([])
    await take()
    expect([read, reported]).toEqual([['aaaa', 'bbbb'], [2]])
  })

  it('counts lines that cannot be written and does not throw', async () => {
    const reported: number[] = []
    const failing = {
      writableLength: 0,
      on: () => {},
      write: (_line: string, done: (error?: Error | null) => void) => {
        queueMicrotask(() => done(isBroken ? new Error('EIO') : undefined))
        return true
      },
    }
    let isBroken = true
    const output = new LogOutput(failing)
    output.whenDropped((count) => reported.push(count))
    for (const line of ['a', 'b']) output.write(line)
    expect(await output.flush(1_000)).toBe(true)
    expect(reported).toEqual([])
    isBroken = false
    output.write('c')
    await output.flush(1_000)
    expect(reported).toEqual([2])
  })

  it('stops waiting for the last lines after the timeout', async () => {
    const { stream, take } = reader()
    const output = new LogOutput(stream)
    output.write('a')
    expect(await output.flush(1)).toBe(false)
    const flushed = output.flush(60_000)
    await take()
    expect(await flushed).toBe(true)
  })
})
