import type http from 'node:http'
import { CONTENT_TYPE, GOOD_ANSWER, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { adapters, direct } from './adapters/all.ts'
import { rawConnection } from './support/raw-client.ts'
import { listen } from './support/servers.ts'

/** What a client may write to have a WSGI server take it for a header that the router strips or sets. */
const TWINS = [
  'X-Forwarded_For',
  'X_FORWARDED_FOR',
  'x_forwarded-proto',
  'X_Real_IP',
  'Proxy_Authorization',
  'Transfer_Encoding',
  'Content_Length',
  'X_Hop',
  'X_Upstream',
  'X_Api_Key',
  'X_From_Proxy',
]

describe.each([...adapters, ...direct])('$name', (adapter) => {
  it('strips the underscore twins of the headers that it strips or sets', async () => {
    const seen: http.IncomingHttpHeaders[] = []
    const backend = await listen((req, res) => {
      seen.push(req.headers)
      req.resume().on('end', () => res.end(GOOD_ANSWER))
    })
    const { listener } = adapter.mount({
      backends: { only: { url: backend.url, headers: { 'X-Api-Key': 'ours' } } },
      health: false,
      // It admits this name, and not its twins.
      forwardHeaders: ['X-Forwarded-For', 'X-Real-IP'],
      upstreamHeader: 'X-Upstream',
      proxy: { headers: { 'X-From-Proxy': 'ours' } },
    })
    const { url } = await listen(listener)
    const body = immichBody('textSearch', 'cat')
    const twins = TWINS.map((name) => `${name}: theirs\r\n`).join('')
    const connection = rawConnection(url)
    connection.write(
      `POST /predict HTTP/1.1\r\nhost: r\r\nconnection: X-Hop\r\n${twins}X_Other: kept\r\nX-Forwarded-For: 1.2.3.4\r\n` +
        `content-type: ${CONTENT_TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`,
    )
    connection.write(body)
    expect(await connection.until(/"clip"/)).toMatch(/^HTTP\/1\.1 200 /)
    expect(seen).toEqual([
      {
        host: new URL(backend.url).host,
        connection: 'keep-alive',
        'accept-encoding': 'identity',
        'content-type': CONTENT_TYPE,
        'content-length': String(body.length),
        x_other: 'kept',
        'x-forwarded-for': '1.2.3.4',
        'x-upstream': backend.url,
        'x-api-key': 'ours',
        'x-from-proxy': 'ours',
      },
    ])
  })
})
