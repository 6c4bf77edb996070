import net from 'node:net'
import { CONTENT_TYPE, immichBody, multipart } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl, until } from './support/servers.ts'

const MIB = 1024 * 1024

/** The beginning of an upload whose job is not known before its end. */
const IMAGE_FIRST = multipart(
  [
    {
      header: 'Content-Disposition: form-data; name="image"; filename="blob"',
      content: Buffer.alloc(8 * MIB, 'x'),
    },
    { header: 'entries', content: '{"clip":{"visual":{"modelName":"m"}}}' },
  ],
  { close: false },
)

function upload(url: string, body: Buffer): net.Socket {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write(
    `POST /predict HTTP/1.1\r\nHost: r\r\nContent-Type: ${CONTENT_TYPE}\r\nContent-Length: ${body.length + 100}\r\n\r\n`,
  )
  socket.write(body)
  return socket
}

describe('uploads whose job is not known yet', () => {
  it('go to disk beyond bodyMemory, and their chunks are freed', async () => {
    const { url, router } = await serveRouter({
      backends: { only: { url: (await stubMl()).url } },
      bodyMemory: '64kb',
      health: false,
    })
    global.gc?.()
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 12; i++) upload(url, IMAGE_FIRST)
    await until(() => router.status().bodies.disk >= 12 * 8 * MIB, 'all of it is on disk')
    expect(router.status().bodies.memory).toBeLessThan(16 * MIB)
    // The buffers that the operating system sends from are this test's own: one for all.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * MIB)
  })

  it('wait for room without a disk, and searches do not', async () => {
    const { url, router } = await serveRouter({
      backends: { only: { url: (await stubMl()).url } },
      totalBodyMemory: '16mb',
      bodySpool: false,
      health: false,
    })
    for (let i = 0; i < 8; i++) upload(url, IMAGE_FIRST)
    await until(() => router.status().bodies.memory > 15 * MIB, 'the memory is full')
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(200)
    // One of them may go on without room, so that they do not wait for each other.
    expect(router.status().bodies.memory).toBeLessThan((16 + 8 + 2) * MIB)
  })
})
