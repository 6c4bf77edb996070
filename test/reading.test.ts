import { parseConfig, type RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, ENTRIES, immichBody, multipart } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { post } from './support/client.ts'
import { exampleOf } from './support/docs.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl, until } from './support/servers.ts'

const CLIP = JSON.stringify(ENTRIES.textSearch)
const OCR = JSON.stringify(ENTRIES.ocr)
const field = (name: string, content: string) => ({ header: name, content })
const image = {
  header: 'Content-Disposition: form-data; name="image"; filename="blob"',
  content: 'pixels',
}

/** A router with a backend for clip alone and one for everything, and what each was asked for. */
async function twoBackends(options: Partial<RouterOptions> = {}, unclassified?: boolean) {
  const [clip, all] = await Promise.all([stubMl(), stubMl()])
  const { url, requests } = await serveRouter({
    backends: { clip: { url: clip.url, tasks: ['clip'], unclassified }, all: { url: all.url } },
    routes: [{ backends: ['clip', 'all'], strategy: 'first' }],
    health: false,
    ...options,
  })
  return { url, clip, all, requests }
}

/** Requests in which a reader that takes the first of two fields, or ignores case, sees clip, and the ML server OCR. */
const MISLEADING: readonly [what: string, body: Buffer, contentType?: string][] = [
  ['the last of two entries', multipart([field('entries', CLIP), field('entries', OCR), image])],
  ['entries behind the text', multipart([field('entries', CLIP), field('text', 'x'), field('entries', OCR)])],
  ['Entries in another case', multipart([field('entries', OCR), field('Entries', CLIP), image])],
  [
    'the last of two boundaries',
    Buffer.concat([
      multipart([field('entries', OCR), image], { boundary: 'second' }),
      multipart([field('entries', CLIP), image], { boundary: 'first' }),
    ]),
    'multipart/form-data; boundary=first; boundary=second',
  ],
  [
    'name* that names another field',
    multipart([
      { header: `Content-Disposition: form-data; name="x"; name*=utf-8''entries`, content: CLIP },
      field('entries', OCR),
      image,
    ]),
  ],
]

describe('a backend with tasks: [clip]', () => {
  it.each(MISLEADING)('gets no OCR job: %s', async (_, body, contentType = CONTENT_TYPE) => {
    const { url, clip, all } = await twoBackends()
    const answer = await post(url, body, { headers: { 'content-type': contentType } })
    expect([answer.status, answer.headers['x-immich-ml-backend']]).toEqual([200, 'all'])
    expect(all.received[0]?.jobs.map(({ task }) => task)).toContain('ocr')
    expect(clip.received).toEqual([])
    expect((await post(url, immichBody('textSearch', 'cat'))).headers['x-immich-ml-backend']).toBe('clip')
  })

  it('gets no unclassified request, unless it is configured', async () => {
    const unclassified = { headers: { 'content-encoding': 'x-unknown' } }
    const body = immichBody('textSearch', 'cat')
    const { url } = await twoBackends()
    expect((await post(url, body, unclassified)).headers['x-immich-ml-backend']).toBe('all')
    const { url: configured } = await twoBackends({}, true)
    expect((await post(configured, body, unclassified)).headers['x-immich-ml-backend']).toBe('clip')
  })

  it('alone on the last route leaves an unclassified request without a backend', async () => {
    const { url } = await twoBackends({ routes: [{ name: 'only', backends: ['clip'] }] })
    const answer = await post(url, Buffer.from('no form'))
    expect(answer.status).toBe(503)
    expect(answer.body.toString()).toContain('set unclassified: true on a backend with tasks')
  })
})

it('the example of docs/configure.md is a configuration', () => {
  const { backends } = parseConfig(parse(exampleOf('docs/configure.md', 'tasks')))
  expect(Object.values(backends).map(({ tasks }) => tasks)).toEqual([['clip'], undefined])
})

describe('limits', () => {
  it('are options of the router, and a request beyond one says which', async () => {
    const { url, requests } = await twoBackends({ limits: { nameLength: 4 } })
    const answer = await post(url, immichBody('textSearch', 'cat'))
    expect(answer.headers['x-immich-ml-backend']).toBe('all')
    await until(() => requests.length > 0, 'the request is reported')
    expect(requests[0]?.classification?.reason).toBe('too-long-name')
  })

  it('change with a reload', async () => {
    const [clip, all] = await Promise.all([stubMl(), stubMl()])
    const options = {
      backends: { clip: { url: clip.url, tasks: ['clip'] }, all: { url: all.url } },
      routes: [{ backends: ['clip', 'all'], strategy: 'first' as const }],
      health: false as const,
    }
    const { url, router } = await serveRouter(options)
    const body = immichBody('textSearch', 'cat')
    expect((await post(url, body)).headers['x-immich-ml-backend']).toBe('clip')
    router.reload({ ...options, limits: { entriesSize: '16b' } })
    expect((await post(url, body)).headers['x-immich-ml-backend']).toBe('all')
    expect(() => router.reload({ ...options, limits: { jsonDepth: 0 } })).toThrow(/limits\.jsonDepth/)
  })
})
