import http from 'node:http'
import { createRouter } from '@immich-ml-router/core'
import {
  BOUNDARY,
  CONTENT_TYPE,
  ENTRIES,
  imageBytes,
  immichBody,
  multipart,
} from '@immich-ml-router/core/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { listen, stubMl } from './support/servers.ts'

const KINDS = 10_000
const AT_ONCE = 16

/** Immich's main branch refuses unknown tasks with 422; a 500 can then only come from the router. */
const REFUSING = { unknown: 422 } as const

const valid = [
  immichBody('textSearch', 'a "ocr" cat'),
  immichBody('ocr', imageBytes(300)),
  immichBody('faces', imageBytes(300)),
  multipart([
    { header: 'image', content: imageBytes(300) },
    { header: 'entries', content: JSON.stringify(ENTRIES.ocr) },
  ]),
]

const URLENCODED = 'application/x-www-form-urlencoded'
const forms = [
  `${new URLSearchParams({ entries: JSON.stringify(ENTRIES.textSearch), text: 'a "ocr" cat' })}`,
  `text=cat&entries=${JSON.stringify(ENTRIES.textSearch)}`,
].map((form) => Buffer.from(form))

const tokens = [
  '\r\n',
  '\n',
  '--',
  `--${BOUNDARY}`,
  `\r\n--${BOUNDARY}--`,
  '\r\n\r\n',
  'Content-Disposition: form-data; name="text"',
  'name=',
  '"entries"',
  '{"ocr":',
  '}',
  '\0',
  '\xff',
  ';',
  ':',
  '__proto__',
  '&entries=',
  '%7B',
]

type Damage =
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'flip'; readonly at: number; readonly to: number }
  | { readonly kind: 'insert'; readonly at: number; readonly token: string }
  | { readonly kind: 'remove' | 'repeat'; readonly at: number; readonly length: number }

const place = fc.double({ min: 0, max: 1, noNaN: true })
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), at: place }),
  fc.record({ kind: fc.constant('flip' as const), at: place, to: fc.nat(255) }),
  fc.record({ kind: fc.constant('insert' as const), at: place, token: fc.constantFrom(...tokens) }),
  fc.record({ kind: fc.constantFrom('remove' as const, 'repeat' as const), at: place, length: fc.nat(80) }),
)

function apply(body: Buffer, change: Damage): Buffer {
  const at = Math.floor(change.at * body.length)
  const [before, behind] = [body.subarray(0, at), body.subarray(at)]
  switch (change.kind) {
    case 'cut':
      return before
    case 'flip':
      return Buffer.concat([before, Buffer.from([change.to]), behind.subarray(1)])
    case 'insert':
      return Buffer.concat([before, Buffer.from(change.token, 'latin1'), behind])
    case 'remove':
      return Buffer.concat([before, behind.subarray(change.length)])
    case 'repeat':
      return Buffer.concat([before, behind.subarray(0, change.length), behind])
  }
}

const framing = fc.constantFrom('content-length' as const, 'chunked' as const)

const urlencoded = fc.record({
  body: fc
    .tuple(fc.constantFrom(...forms), fc.array(damage, { minLength: 1, maxLength: 5 }))
    .map(([body, changes]) => changes.reduce(apply, body)),
  contentType: fc.constant(URLENCODED),
  framing,
})

const multipartOrNone = fc.record({
  body: fc.oneof(
    {
      weight: 9,
      arbitrary: fc
        .tuple(fc.constantFrom(...valid), fc.array(damage, { minLength: 1, maxLength: 5 }))
        .map(([body, changes]) => changes.reduce(apply, body)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)) },
  ),
  contentType: fc.oneof(
    { weight: 8, arbitrary: fc.constant(CONTENT_TYPE) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'multipart/form-data',
        'multipart/form-data; boundary=',
        'multipart/form-data; boundary="',
        'text/plain',
        'a',
        ';',
        'multipart/form-data; boundary=-',
      ),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 60 }).map((text) => text.replace(/[^\x20-\x7e]/g, '')) },
  ),
  framing,
})

const request = fc.oneof({ weight: 9, arbitrary: multipartOrNone }, { weight: 1, arbitrary: urlencoded })

/** Where Node's own form parser, which shares no code with ours, would have it routed; `undefined` if it cannot tell. */
async function oracle(body: Buffer, contentType: string): Promise<string | undefined> {
  // It takes a boundary in the middle of a line for one; the ML server does not, and neither do we.
  const isForm = contentType === URLENCODED
  if (!isForm && !body.toString('latin1').startsWith(`--${BOUNDARY}`)) return undefined
  try {
    const form = await new Response(new Uint8Array(body), {
      headers: { 'content-type': contentType },
    }).formData()
    const values = form.getAll('entries')
    const entries: unknown = JSON.parse(String(isForm ? values.at(-1) : values[0]))
    const jobs = Object.entries(entries as object).flatMap(([task, types]) =>
      Object.values(types as object).map((job) => [task, job?.modelName]),
    )
    if (jobs.length === 0 || jobs.some(([, model]) => typeof model !== 'string')) return undefined
    return jobs.every(([task]) => task === 'ocr')
      ? 'ocr'
      : jobs.every(([task]) => task === 'clip')
        ? 'clip'
        : 'other'
  } catch {
    return undefined
  }
}

describe(`${KINDS} kinds of malformed bodies`, () => {
  it('crash nothing, and reach no backend that no route allows', async () => {
    const stubs = {
      clip: await stubMl(REFUSING),
      ocr: await stubMl(REFUSING),
      other: await stubMl(REFUSING),
      forbidden: await stubMl(REFUSING),
    }
    const router = createRouter({
      backends: Object.fromEntries(Object.entries(stubs).map(([name, { url }]) => [name, { url }])),
      routes: [
        { match: { task: 'clip' }, backends: ['clip'] },
        { match: { task: 'ocr' }, backends: ['ocr'] },
        { backends: ['other'] },
      ],
    })
    const reached = new Map<string, number>()
    const unclassifiedAt = new Set<string | undefined>()
    router.on('request', ({ classification, backend }) => {
      if (classification?.classified === false) unclassifiedAt.add(backend?.name)
    })
    const { url } = await listen((req, res) => router.handle(req, res))
    const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
    const samples = fc.sample(request, { numRuns: KINDS, seed: 42 })
    const wrong: unknown[] = []
    const worker = async () => {
      for (let sample = samples.pop(); sample !== undefined; sample = samples.pop()) {
        const { body, contentType, framing } = sample
        const answer = await post(url, body, { framing, agent, headers: { 'content-type': contentType } })
        const backend = String(answer.headers['x-immich-ml-backend'])
        reached.set(backend, (reached.get(backend) ?? 0) + 1)
        const expected = await oracle(body, contentType)
        if (expected !== undefined && expected !== backend)
          wrong.push({ expected, backend, contentType, body: body.toString('latin1') })
        if (![200, 400, 422].includes(answer.status))
          wrong.push({ status: answer.status, body: body.toString('latin1') })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    agent.destroy()
    expect(wrong.slice(0, 6)).toEqual([])
    expect([...unclassifiedAt]).toEqual(['other'])
    expect([...reached.keys()].sort()).toEqual(['clip', 'ocr', 'other'])
    expect([...reached.values()].reduce((sum, count) => sum + count)).toBe(KINDS)
    expect(stubs.forbidden.started).toBe(0)
    expect(router.status().backends.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0, 0])
    expect(router.status().active).toBe(0)
  }, 120_000)
})
