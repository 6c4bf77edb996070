import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { until } from '../../../../test/support/servers.ts'
import type { ActiveRequest } from './active-requests.ts'
import { IdleUploads } from './idle-uploads.ts'

/** A client that has sent the head and one byte of its body. */
async function stage(read: (req: http.IncomingMessage) => void) {
  const clock = new FakeClock()
  const active: ActiveRequest[] = []
  const uploads = new IdleUploads(clock, active)
  const server = http.createServer({ requestTimeout: 0 }, (req, res) => {
    const request = { req, res, start: 0, exchange: undefined }
    active.push(request)
    uploads.watch(request)
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
    uploads.stop()
    expect(clock.pending).toBe(0)
  })
})
