import { describe, expect, it } from 'vitest'
import { type HeaderRecord, requestHeaders, responseHeaders, withOwnHeaders } from './headers.ts'

describe('requestHeaders', () => {
  it('drops what is of one connection, and what a client must not tell', () => {
    const headers = {
      host: 'router',
      connection: 'keep-alive, X-Named , ',
      'x-named': 'hop',
      'keep-alive': 'timeout=5',
      te: 'trailers',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'http2-settings': 'x',
      expect: '100-continue',
      'proxy-connection': 'keep-alive',
      authorization: 'Bearer x',
      cookie: 'a=1',
      forwarded: 'for=1',
      'x-forwarded-for': '1',
      'x-forwarded-anything': '1',
      'x-real-ip': '1',
      ':authority': 'router',
      'content-type': 'multipart/form-data',
      'x-list': ['a', 'b'],
      'x-forwardedish': 'kept',
    }
    const kept = { 'content-type': 'multipart/form-data', 'x-list': ['a', 'b'], 'x-forwardedish': 'kept' }
    expect(requestHeaders(headers as never, new Set())).toEqual(kept)
    expect(requestHeaders(headers as never, new Set(['authorization', 'x-forwarded-for', 'te']))).toEqual({
      ...kept,
      authorization: 'Bearer x',
      'x-forwarded-for': '1',
    })
  })
})

/** Other ways to write a name, which CGI, WSGI or PHP make the same variable of. */
const twinsOf = (name: string) => ['_', '.', '~'].map((odd) => name.replaceAll('-', odd))

describe('twins of headers', () => {
  it.each([
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-anything',
    'x-real-ip',
    'proxy-authorization',
    'proxy-connection',
    'keep-alive',
    'transfer-encoding',
    'http2-settings',
    'x-immich-ml-explain',
    'content-length',
    'content-type',
    'content-encoding',
    'accept-encoding',
  ])('those of %s are dropped like it, or as they would frame the message', (name) => {
    const headers = Object.fromEntries(twinsOf(name).map((twin) => [twin, '1']))
    expect(requestHeaders(headers, new Set())).toEqual({})
    expect(requestHeaders(headers, new Set([name]))).toEqual({})
  })

  it('drops those with one underscore among dashes', () => {
    const headers = { 'x-forwarded_for': '1', 'x_forwarded-for': '1', x_forwarded: '1', x_real_ip: '1' }
    expect(requestHeaders(headers, new Set(['x-forwarded-for', 'x-real-ip']))).toEqual({})
  })

  it('drops those of headers that Connection names', () => {
    expect(requestHeaders({ connection: 'x_hop, x-step', 'x-hop': '1', x_step: '1' }, new Set())).toEqual({})
  })

  it('passes on one that the options name as it is written', () => {
    const headers = { x_forwarded_for: '1', 'x-forwarded-for': '2' }
    expect(requestHeaders(headers, new Set(['x_forwarded_for']))).toEqual({ x_forwarded_for: '1' })
  })

  it('keeps other names as they are', () => {
    const headers = { x_request_id: '1', 'x-request-id': '2', 'x.y': '3', x_forwardedish: '4' }
    expect(requestHeaders(headers, new Set())).toEqual(headers)
  })
})

describe('responseHeaders', () => {
  it('keeps names, values and repetitions as they came', () => {
    const raw = ['Content-Type', 'a/b', 'Set-Cookie', 'a', 'set-cookie', 'b', 'X-Umlaut', 'ä'].map((text) =>
      Buffer.from(text, 'latin1'),
    )
    expect(responseHeaders(raw)).toEqual([
      'Content-Type',
      'a/b',
      'Set-Cookie',
      'a',
      'set-cookie',
      'b',
      'X-Umlaut',
      'ä',
    ])
  })

  it('drops what is of one connection, wherever Connection stands', () => {
    const raw = [
      'X-Hop',
      '1',
      'Connection',
      'close',
      'Connection',
      'x-hop',
      'Transfer-Encoding',
      'chunked',
      'X-Name',
      'theirs',
      'Date',
      'd',
    ]
    expect(responseHeaders(raw, ['x-name'])).toEqual(['Date', 'd'])
  })
})

describe("a backend's own headers", () => {
  it.each<[HeaderRecord, Record<string, string> | undefined, HeaderRecord]>([
    [{ a: '1' }, undefined, { a: '1' }],
    [
      { a: '1', b: ['2', '3'] },
      { b: '4', c: '5' },
      { a: '1', b: '4', c: '5' },
    ],
    [{ Authorization: 'a', AUTHORIZATION: 'b' }, { authorization: 'c' }, { authorization: 'c' }],
    [{ x_api_key: 'a', 'X-Api.Key': 'b' }, { 'X-Api-Key': 'c' }, { 'X-Api-Key': 'c' }],
    [{ 'x-api-key': 'a' }, { x_api_key: 'c' }, { x_api_key: 'c' }],
    [{ a: '1' }, {}, { a: '1' }],
  ])('%j and %j', (headers, own, sent) => {
    expect(withOwnHeaders(headers, own)).toEqual(sent)
  })
})
