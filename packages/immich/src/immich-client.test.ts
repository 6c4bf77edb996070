import { describe, expect, it, onTestFinished } from 'vitest'
import { checkAccess } from './check-access.ts'
import { ImmichClient } from './immich-client.ts'
import { type StubFault, StubImmich } from './testing/stub-immich.ts'

async function stage() {
  const immich = await StubImmich.start()
  onTestFinished(() => immich.close())
  const client = new ImmichClient({ url: immich.url, apiKey: immich.key })
  return { immich, client }
}

describe('a client of Immich', () => {
  it('reads the queues for machine learning, also when they are paused', async () => {
    const { immich, client } = await stage()
    Object.assign(immich.queue('smartSearch'), { active: 2, waiting: 40 })
    Object.assign(immich.queue('ocr'), { waiting: 7, isPaused: true })
    expect(Object.fromEntries(await client.queues())).toEqual({
      smartSearch: { isPaused: false, active: 2, remaining: 42 },
      faceDetection: { isPaused: false, active: 0, remaining: 0 },
      ocr: { isPaused: true, active: 0, remaining: 7 },
    })
  })

  it.each(['/', '/api', '/api/'])('takes a URL that ends in %s', async (end) => {
    const { immich } = await stage()
    const client = new ImmichClient({ url: immich.url + end, apiKey: immich.key })
    expect((await client.queues()).size).toBe(3)
  })

  it('pauses, resumes and starts "Missing"', async () => {
    const { immich, client } = await stage()
    immich.queue('ocr').missing = 5
    await client.setPaused('ocr', true)
    await client.setPaused('ocr', false)
    await client.startMissing('ocr')
    expect(immich.changes).toEqual([
      'PUT /api/queues/ocr {"isPaused":true}',
      'PUT /api/queues/ocr {"isPaused":false}',
      'PUT /api/jobs/ocr {"command":"start","force":false}',
    ])
    expect((await client.queues()).get('ocr')?.remaining).toBe(5)
  })

  it.each<[StubFault, string, RegExp]>([
    ['html', 'refused', /^the answer to \/api\/queues is not that of Immich; check immich\.url$/],
    ['old', 'refused', /^no Immich of version 2\.4 or later answers \(\/api\/queues: 404\); update Immich/],
    ['redirect', 'refused', /^Immich answered with a redirect \(302\); set immich\.url/],
    ['error', 'unreachable', /^Immich answered 502 to \/api\/queues$/],
    ['huge', 'unreachable', /larger than 262144 bytes/],
    ['silent', 'unreachable', /no answer within 5 s/],
  ])('says what is wrong: %s', async (fault, kind, message) => {
    const { immich, client } = await stage()
    immich.fault = fault
    await expect(client.queues()).rejects.toMatchObject({ kind, message: expect.stringMatching(message) })
  })

  it('says that nothing listens', async () => {
    const { immich, client } = await stage()
    await immich.close()
    await expect(client.queues()).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/^Immich does not answer: .*ECONNREFUSED/),
    })
  })

  it('names the permission that is missing', async () => {
    const { immich, client } = await stage()
    immich.permissions = ['queue.read']
    await client.queues()
    await expect(client.setPaused('ocr', true)).rejects.toThrow(
      'lacks the permission queue.update; add it in Immich',
    )
    await expect(client.startMissing('ocr')).rejects.toThrow(
      'lacks the permission job.create; add it in Immich',
    )
  })

  it.each([
    [
      'a wrong key',
      (immich: StubImmich) => Object.assign(immich, { key: 'another' }),
      /Immich does not accept the API key/,
    ],
    [
      'a user',
      (immich: StubImmich) => Object.assign(immich, { isAdmin: false }),
      /is not that of an administrator/,
    ],
  ])('says that the key is that of %s, without the key', async (_who, change, message) => {
    const { immich, client } = await stage()
    const { key } = immich
    change(immich)
    const error = await client.queues().catch((error: unknown) => error)
    expect(String(error)).toMatch(message)
    expect(JSON.stringify([String(error), error])).not.toContain(key)
  })

  it('tells when Immich is busy', async () => {
    const { immich, client } = await stage()
    immich.queue('ocr').active = 1
    await expect(client.startMissing('ocr')).rejects.toMatchObject({ kind: 'busy' })
  })
})

describe('the check of the access', () => {
  it.each<[readonly string[], readonly string[]]>([
    [['all'], []],
    [['queue.read', 'queue.update', 'job.create'], []],
    [['queue.read'], ['queue.update', 'job.create']],
  ])('with %j says that %j are missing', async (permissions, lacks) => {
    const { immich } = await stage()
    immich.permissions = permissions
    expect(await checkAccess({ url: immich.url, apiKey: immich.key })).toEqual({
      queues: { smartSearch: 0, faceDetection: 0, ocr: 0 },
      lacks,
    })
    expect(immich.changes).toEqual([])
  })
})
