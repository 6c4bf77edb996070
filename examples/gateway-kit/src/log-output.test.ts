import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { LogOutput } from './log-output.ts'

/** A reader that takes a line only when it is told to. */
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
  it('drops lines beyond its limit, and tells how many once half of it is free', async () => {
    const { stream, read, take } = reader()
    const told: number[] = []
    const output = new LogOutput(stream, { limit: 10 })
    output.whenDropped((count) => told.push(count))
    for (const line of ['aaaa', 'bbbb', 'cccc', 'dddd', 'ee']) output.write(line)
    expect(stream.writableLength).toBeLessThanOrEqual(10)
    await take()
    expect(told).toEqual([])
    await take()
    expect([read, told]).toEqual([['aaaa', 'bbbb'], [2]])
  })

  it('counts lines that cannot be written, and throws nothing', async () => {
    const told: number[] = []
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
    output.whenDropped((count) => told.push(count))
    for (const line of ['a', 'b']) output.write(line)
    expect(await output.flush(1_000)).toBe(true)
    expect(told).toEqual([])
    isBroken = false
    output.write('c')
    await output.flush(1_000)
    expect(told).toEqual([2])
  })

  it('waits for the last lines no longer than it may', async () => {
    const { stream, take } = reader()
    const output = new LogOutput(stream)
    output.write('a')
    expect(await output.flush(1)).toBe(false)
    const flushed = output.flush(60_000)
    await take()
    expect(await flushed).toBe(true)
  })
})
