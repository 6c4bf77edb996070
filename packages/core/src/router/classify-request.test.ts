import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { CONTENT_TYPE, immichBody } from '../testing/immich-requests.ts'
import { classifyRequest } from './classify-request.ts'
import { resolveExchangeOptions } from './exchange-options.ts'

const body = immichBody('textSearch', 'a red boat')
const options = resolveExchangeOptions()

function request(headers: Record<string, string> = {}, members: object = {}): IncomingMessage {
  const req = Object.assign(new IncomingMessage(new Socket()), members)
  Object.assign(req.headers, { 'content-type': CONTENT_TYPE, ...headers })
  return req
}

function arriving(req: IncomingMessage, bytes: Buffer): IncomingMessage {
  req.push(bytes)
  req.push(null)
  return req
}

describe('classifying a request', () => {
  it('reads it', async () => {
    const { classification, keptLength } = await classifyRequest(arriving(request(), body), options)
    expect([classification.tasks, keptLength]).toEqual([['clip'], undefined])
  })

  it.each(['body', 'rawBody'])('takes the bytes that another middleware kept in %s', async (key) => {
    const { classification, keptLength } = await classifyRequest(request({}, { [key]: body }), options)
    expect([classification.tasks, keptLength]).toEqual([['clip'], body.length])
  })

  it.each([
    [{ files: [] }, 'parses uploads'],
    [{ body: {} }, 'a body parser'],
    [{}, 'reads request bodies'],
  ])('names the middleware that read it: %j', async (members, culprit) => {
    const req = arriving(request({}, members), body)
    await req.toArray()
    await expect(classifyRequest(req, options)).rejects.toThrow(culprit)
  })

  it.each(['gzip, chunked', 'identity', 'gzip'])('refuses the transfer coding %s', async (coding) => {
    const req = arriving(request({ 'transfer-encoding': coding }), body)
    await expect(classifyRequest(req, options)).rejects.toMatchObject({ code: 'unsupported-transfer-coding' })
  })

  it('refuses what it cannot classify, where that is asked for', async () => {
    const strict = resolveExchangeOptions({ onUnclassified: 'reject' })
    const req = () => arriving(request(), Buffer.from('nonsense'))
    await expect(classifyRequest(req(), strict)).rejects.toMatchObject({ status: 422 })
    expect((await classifyRequest(req(), options)).classification.classified).toBe(false)
  })
})
