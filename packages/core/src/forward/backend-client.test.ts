import { describe, expect, it, onTestFinished } from 'vitest'
import { authority } from '../../../../test/support/certificates.ts'
import { listen, stubMl } from '../../../../test/support/servers.ts'
import type { BackendOptions } from '../config/policy.ts'
import { TlsError } from '../errors.ts'
import { BackendClient } from './backend-client.ts'

const SEARCH = {
  entries: [{ task: 'clip', type: 'textual', model: 'ViT-B-32__openai', options: { language: 'en' } }],
  input: 'text',
} as const

function clientOf(options: BackendOptions): BackendClient {
  const client = new BackendClient({ backends: { gpu: options } }, 'gpu')
  onTestFinished(() => client.close())
  return client
}

const never = () => new AbortController().signal

describe('a backend client', () => {
  it('asks below the base path, with the credentials of the backend', async () => {
    const seen: (string | undefined)[][] = []
    const { url } = await listen((req, res) => {
      seen.push([req.method, req.url, req.headers.authorization])
      req.resume().on('end', () => res.setHeader('content-type', 'application/json').end('{"clip":"[1]"}'))
    })
    const client = clientOf({ url: `${url.replace('://', '://me:s3cret@')}/ml/` })
    expect([client.url, client.probePath]).toEqual([`${url}/ml`, '/ping'])
    expect((await client.get('/ping', never())).status).toBe(200)
    expect((await client.predict(SEARCH, never())).verdict).toEqual({ kind: 'good' })
    const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`
    expect(seen).toEqual([
      ['GET', '/ml/ping', basic],
      ['POST', '/ml/predict', basic],
    ])
  })

  it('judges an answer like the router', async () => {
    const stub = await stubMl({ fault: { kind: 'lacks', types: ['clip/textual'] } })
    const { answer, verdict } = await clientOf({ url: stub.url }).predict(SEARCH, never())
    expect([answer.status, verdict.kind]).toEqual([501, 'lacks'])
    await stub.setFault({ kind: 'status', status: 401 })
    expect((await clientOf({ url: stub.url }).predict(SEARCH, never())).verdict).toMatchObject({
      kind: 'fault',
      reason: 'answered 401 Unauthorized: set backends.gpu.auth',
    })
  })

  it('sends a request once more if its connection breaks', async () => {
    let requests = 0
    const { url } = await listen((req, res) => {
      if (++requests === 1) req.socket.destroy()
      else res.end('pong')
    })
    expect((await clientOf({ url }).get('/ping', never())).body.toString()).toBe('pong')
  })

  it('says why there is no answer', async () => {
    const refused = clientOf({ url: 'http://127.0.0.1:1' }).get('/ping', never())
    await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const stub = await stubMl()
    const encrypted = clientOf({ url: stub.url.replace('http:', 'https:') }).get('/ping', never())
    await expect(encrypted).rejects.toThrow(TlsError)
  })

  it('has the TLS settings of the backend', async () => {
    const { cert } = await authority()
    expect(() => clientOf({ url: 'https://gpu:3003', tls: { ca: cert } })).not.toThrow()
    expect(() => new BackendClient({ backends: { gpu: { url: 'http://gpu' } } }, 'nas')).toThrow(
      '"nas" is not a backend',
    )
  })
})
