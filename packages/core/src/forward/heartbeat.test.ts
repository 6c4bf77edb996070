import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { Heartbeat, takesHeartbeats } from './heartbeat.ts'

function beating(isClientSlow = () => false) {
  const clock = new FakeClock()
  const res = new ServerResponse(new IncomingMessage(new Socket()))
  const written: unknown[] = []
  vi.spyOn(res, 'write').mockImplementation((chunk) => written.push(chunk) > 0)
  const heartbeat = new Heartbeat(res, clock, { after: 100, every: 30 }, isClientSlow)
  return { clock, res, written, heartbeat }
}

describe('a heartbeat', () => {
  it('sends the head and white space, first after a while and then regularly', () => {
    const { clock, res, written, heartbeat } = beating()
    clock.advance(99)
    expect([heartbeat.begun, written]).toEqual([false, []])
    clock.advance(61)
    expect([heartbeat.count, written, res.statusCode, res.headersSent]).toEqual([
      3,
      [' ', ' ', ' '],
      200,
      true,
    ])
  })

  it('stops when the answer begins', () => {
    const { clock, heartbeat } = beating()
    clock.advance(100)
    heartbeat.stop()
    expect([heartbeat.count, clock.pending]).toEqual([1, 0])
  })

  it('does not begin while the client is slow, or after another head', () => {
    const slow = beating(() => true)
    slow.clock.advance(1_000)
    expect([slow.heartbeat.begun, slow.clock.pending]).toEqual([false, 1])
    const other = beating()
    other.res.writeHead(200)
    other.clock.advance(1_000)
    expect([other.written, other.clock.pending]).toEqual([[], 0])
  })

  it('closes the connection of a client that has had one, and of no other', () => {
    const early = beating()
    early.heartbeat.cut()
    expect(early.res.destroyed).toBe(false)
    const late = beating()
    late.clock.advance(100)
    late.heartbeat.cut()
    expect(late.res.destroyed).toBe(true)
  })
})

it.each<[string, string | undefined, boolean]>([
  ['1.1', undefined, true],
  ['1.1', '*/*', true],
  ['1.1', 'application/json', true],
  ['1.1', 'text/html', false],
  ['1.0', undefined, false],
])('HTTP/%s with Accept: %s takes heartbeats: %s', (httpVersion, accept, expected) => {
  const req = new IncomingMessage(new Socket())
  req.httpVersion = httpVersion
  if (accept !== undefined) req.headers.accept = accept
  expect(takesHeartbeats(req)).toBe(expected)
})
