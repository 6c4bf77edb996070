import type { ServerResponse } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { defaults } from './defaults.ts'
import { Viewers } from './viewers.ts'

/** A response of node:http with the members that Viewers uses. */
function responseOf() {
  const listeners = new Map<string, () => void>()
  const response = {
    writableLength: 0,
    writableNeedDrain: false,
    on: vi.fn(),
    once: (event: string, listener: () => void) => listeners.set(event, listener),
    flushHeaders: vi.fn(),
    write: vi.fn<(text: string) => boolean>(),
    end: vi.fn(),
    destroy: vi.fn(),
    close: () => listeners.get('close')?.(),
  }
  return { ...response, res: response as unknown as ServerResponse, response }
}

describe('viewers', () => {
  it('get the first report, with the delay for reconnecting, and then every event', () => {
    const viewers = new Viewers(() => {})
    const [one, other] = [responseOf(), responseOf()]
    viewers.add(one.res, '1')
    viewers.send('2')
    viewers.add(other.res, '3')
    viewers.send('4')
    const written = ({ write }: typeof one) => write.mock.calls.map(([text]) => text)
    expect(written(one)).toEqual(['retry: 2000\n\ndata: 1\n\n', 'data: 2\n\n', 'data: 4\n\n'])
    expect(written(other)).toEqual(['retry: 2000\n\ndata: 3\n\n', 'data: 4\n\n'])
  })

  it('are counted, and the last one to leave is reported', () => {
    const onLast = vi.fn()
    const viewers = new Viewers(onLast)
    const all = [responseOf(), responseOf()]
    for (const { res } of all) viewers.add(res, '')
    all[0]?.close()
    expect([viewers.count, onLast.mock.calls.length]).toEqual([1, 0])
    all[1]?.close()
    all[1]?.close()
    expect([viewers.count, onLast.mock.calls.length]).toEqual([0, 1])
  })

  it('are limited', () => {
    const viewers = new Viewers(() => {})
    for (let i = 0; i < defaults.viewers - 1; i++) viewers.add(responseOf().res, '')
    expect(viewers.isFull).toBe(false)
    viewers.add(responseOf().res, '')
    expect(viewers.isFull).toBe(true)
  })

  it('with a full backlog are disconnected', () => {
    const viewers = new Viewers(() => {})
    const [slow, quick] = [responseOf(), responseOf()]
    for (const { res } of [slow, quick]) viewers.add(res, '')
    slow.response.writableLength = defaults.backlog + 1
    viewers.send('1')
    expect([slow.destroy.mock.calls.length, quick.destroy.mock.calls.length]).toEqual([1, 0])
    expect([slow.write.mock.calls.length, quick.write.mock.calls.length]).toEqual([1, 2])
  })

  it('are ended, or disconnected when they do not read', () => {
    const viewers = new Viewers(() => {})
    const [slow, quick] = [responseOf(), responseOf()]
    for (const { res } of [slow, quick]) viewers.add(res, '')
    slow.response.writableNeedDrain = true
    viewers.end()
    expect([slow.destroy.mock.calls.length, slow.end.mock.calls.length]).toEqual([1, 0])
    expect([quick.destroy.mock.calls.length, quick.end.mock.calls.length]).toEqual([0, 1])
  })
})
