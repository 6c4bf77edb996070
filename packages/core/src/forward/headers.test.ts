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
  ])('%j and %j', (headers, own, sent) => {
    expect(withOwnHeaders(headers, own)).toEqual(sent)
  })
})
