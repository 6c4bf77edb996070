import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { until } from '../../../../test/support/servers.ts'
import { systemClock } from '../clock.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type ActiveRequest, ActiveRequests } from './active-requests.ts'
import type { Exchange } from './exchange.ts'

const NEVER = new AbortController().signal

/** Adds a request that has arrived. */
function add(active: ActiveRequests, state?: 'running' | 'waiting'): ActiveRequest {
  const req = new http.IncomingMessage(new net.Socket())
  req.complete = true
  const exchange = { wait: state === 'waiting' ? {} : undefined } as unknown as Exchange
  return Object.assign(active.add(req, new http.ServerResponse(req)), state && { exchange })
}

it('has the requests in the order of their arrival', () => {
  const active = new ActiveRequests(systemClock)
  const [first, second] = [add(active), add(active)]
  expect([...active]).toEqual([first, second])
  expect([active.remove(first), active.remove(first)]).toEqual([true, false])
  expect([active.size, ...active]).toEqual([1, second])
})

it('is idle when every request that is left waits, and ended when none is left', async () => {
  const active = new ActiveRequests(systemClock)
  const [running, waiting, unclassified] = [add(active, 'running'), add(active, 'waiting'), add(active)]
  const reached: string[] = []
  const idle = active.idle(60_000, NEVER).then(() => reached.push('idle'))
  const ended = active.ended(60_000).then(() => reached.push('ended'))
  active.changed()
  await Promise.resolve()
  expect(reached).toEqual([])
  active.remove(running)
  await idle
  active.remove(waiting)
  active.remove(unclassified)
  await ended
  expect(reached).toEqual(['idle', 'ended'])
})

it('waits no longer than it may', async () => {
  const active = new ActiveRequests(systemClock)
  add(active, 'running')
  await active.idle(5, NEVER)
  expect(active.size).toBe(1)
  const impatient = new AbortController()
  const idle = active.idle(60_000, impatient.signal)
  impatient.abort()
  await idle
  await active.idle(60_000, impatient.signal)
})

/** A client that has sent the head and one byte of its body. */
async function stage(read: (req: http.IncomingMessage) => void) {
  const clock = new FakeClock()
  const uploads = new ActiveRequests(clock)
  const active: ActiveRequest[] = []
  const server = http.createServer({ requestTimeout: 0 }, (req, res) => {
    active.push(uploads.add(req, res))
    read(req)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  client.write('POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\na')
  await until(() => active.length === 1 && clock.pending === 1, 'the upload is watched')
  const sends = async (text: string) => {
    const before = active[0]?.req.socket.bytesRead
    client.write(text)
    await until(() => active[0]?.req.socket.bytesRead !== before, 'it arrives')
  }
  return { clock, client, active, uploads, sends }
}

describe('an upload whose client stops sending', () => {
  it('is answered with 408 after 60 s, and its connection is closed', async () => {
    const { clock, client } = await stage((req) => req.resume())
    clock.advance(74_999)
    clock.advance(1)
    const answer = (await buffer(client)).toString()
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    expect(answer).toMatch(/connection: close/i)
    expect(answer).toContain('"code":"upload-timeout"')
  })

  it('is closed without an answer when one has begun', async () => {
    const { clock, client, active } = await stage((req) => req.resume())
    active[0]?.res.writeHead(200).write('{')
    clock.advance(75_000)
    expect((await buffer(client)).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })

  it('is left alone while it sends a byte now and then', async () => {
    const { clock, client, sends } = await stage((req) => req.resume())
    for (const byte of 'bcdefghi') {
      clock.advance(59_000)
      await sends(byte)
    }
    expect(client.destroyed).toBe(false)
  })

  it('is left alone while the router has paused it', async () => {
    const { clock, client, active } = await stage((req) => req.pause())
    clock.advance(3_600_000)
    expect([client.destroyed, active[0]?.req.destroyed]).toEqual([false, false])
    active[0]?.req.resume()
    clock.advance(75_000)
    expect((await buffer(client)).toString()).toMatch(/^HTTP\/1\.1 408/)
  })

  it('is not watched once it is complete, nor when no request is left', async () => {
    const { clock, active, uploads, sends } = await stage((req) => req.resume())
    await sends('bcdefghij')
    clock.advance(3_600_000)
    expect(active[0]?.req.socket.destroyed).toBe(false)
    for (const request of active) uploads.remove(request)
    expect(clock.pending).toBe(0)
  })
})
