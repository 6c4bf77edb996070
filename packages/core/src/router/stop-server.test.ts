import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRouter } from './create-router.ts'
import type { CloseOptions } from './router.ts'
import { inheritedSocket, stopServer } from './stop-server.ts'

async function serve() {
  const router = createRouter({ backends: { gpu: { url: 'http://gpu' } }, health: false })
  const server = http.createServer((req, res) => {
    if (req.url === '/stream') res.writeHead(200).write('data')
    else void router.handle(req, res)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { router, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('stopping a server', () => {
  it('closes its port only when the router has drained', async () => {
    const { server, router } = await serve()
    const listening: boolean[] = []
    const close = async ({ onDrained }: CloseOptions = {}) => {
      listening.push(server.listening)
      await onDrained?.()
      listening.push(server.listening)
      await router.close()
    }
    await stopServer(server, { close, status: () => router.status() })
    expect(listening).toEqual([true, false])
  })

  it('on a handed-over socket, serves open connections with Connection: close until each is closed', async () => {
    const { server, router, url } = await serve()
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const ping = async () => {
      const [response] = (await once(http.get(`${url}/ping`, { agent }), 'response')) as [
        http.IncomingMessage,
      ]
      response.resume()
      await once(response, 'end')
      return [response.statusCode, response.headers.connection]
    }
    expect(await ping()).toEqual([200, 'keep-alive'])
    const stopped = stopServer(server, router, { inherited: true })
    expect([server.listening, router.status().state]).toEqual([false, 'running'])
    expect(await ping()).toEqual([200, 'close'])
    await stopped
    expect(router.status().state).toBe('closed')
  })

  it('stops at once when its signal is aborted', async () => {
    for (const inherited of [false, true]) {
      const { server, router, url } = await serve()
      // A connection that never ends.
      const response = await fetch(`${url}/stream`)
      const stop = new AbortController()
      const stopped = stopServer(server, router, { inherited, timeout: 3_600_000, signal: stop.signal })
      stop.abort()
      await stopped
      expect([server.listening, router.status().state]).toEqual([false, 'closed'])
      await response.body?.cancel().catch(() => {})
    }
    const { server, router } = await serve()
    await stopServer(server, router, { inherited: true, signal: AbortSignal.abort() })
    expect(router.status().state).toBe('closed')
  })

  it('on a handed-over socket, does not wait for connections without predict requests', async () => {
    const { server, router, url } = await serve()
    server.keepAliveTimeout = 1
    const stream = await fetch(`${url}/stream`)
    await stopServer(server, router, { inherited: true, timeout: 600_000 })
    await expect(stream.text()).rejects.toThrow()
  })
})

describe('a socket that was handed over', () => {
  it.each([
    [{}, undefined],
    [{ LISTEN_FDS: '0' }, undefined],
    [{ LISTEN_FDS: '1' }, { fd: 3 }],
    [{ LISTEN_FDS: '1', LISTEN_PID: String(process.pid) }, { fd: 3 }],
    [{ LISTEN_FDS: '1', LISTEN_PID: '1' }, undefined],
  ])('by %j is %j', (env, socket) => {
    expect(inheritedSocket(env)).toEqual(socket)
  })

  it('is one', () => {
    expect(() => inheritedSocket({ LISTEN_FDS: '2' })).toThrow('LISTEN_FDS is 2')
  })
})
