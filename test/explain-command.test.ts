import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CONTENT_TYPE, ENTRIES, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { explainRequest } from '../packages/gateway/src/commands/explain.ts'
import { ROOT } from './support/docs.ts'
import { file } from './support/temporary-file.ts'

const config = {
  source: 'the file router.yaml',
  options: {
    backends: { nas: { url: 'http://nas:3003' }, gpu: { url: 'http://gpu:3003' } },
    routes: [
      { match: { task: 'clip', type: 'textual' }, backends: ['nas', 'gpu'], strategy: 'first' },
      { backends: ['gpu'] },
    ],
  },
} as const

const search = immichBody('textSearch', 'cat')
const head = (more: string, contentType = CONTENT_TYPE) =>
  Buffer.from(`POST /predict HTTP/1.1\r\nhost: ml\r\ncontent-type: ${contentType}\r\n${more}\r\n`)
const form = Buffer.from(
  new URLSearchParams({ entries: JSON.stringify(ENTRIES.textSearch), text: 'cat' }).toString(),
)
const formHead = head(`content-length: ${form.length}\r\n`, 'application/x-www-form-urlencoded')

function chunked(body: Buffer): Buffer {
  const size = Buffer.from(`${body.length.toString(16)}\r\n`)
  return Buffer.concat([head('transfer-encoding: chunked\r\n'), size, body, Buffer.from('\r\n0\r\n\r\n')])
}

describe('a request in a file', () => {
  it.each<[string, Buffer]>([
    ['the body alone', search],
    ['with its head', Buffer.concat([head(`content-length: ${search.length}\r\n`), search])],
    ['with its head, in chunks', chunked(search)],
    [
      'that waits for 100',
      Buffer.concat([head(`expect: 100-continue\r\ncontent-length: ${search.length}\r\n`), search]),
    ],
    ['with its head, urlencoded', Buffer.concat([formHead, form])],
    ['the urlencoded body alone', form],
  ])('%s, is explained', async (_, content) => {
    const path = await file('request.bin', content)
    expect(await explainRequest(path, config)).toBe(`${path}: clip/textual (ViT-B-32__openai) with text input.

route 1 of 2 "clip/textual" takes it (strategy first, priority 1):
  nas: chosen, first in the list
  gpu: would be next, behind nas in the list
The request goes to nas now.

Configuration: the file router.yaml. The gateway has just started, so all backends count as healthy and idle.
`)
  })

  it('with several tasks is split', async () => {
    const backends = {
      gpu: { url: 'http://gpu:3003', tasks: ['clip'] },
      nas: { url: 'http://nas:3003', tasks: ['ocr'] },
    }
    const path = await file('request.bin', immichBody({ ...ENTRIES.indexing, ...ENTRIES.ocr }))
    expect(await explainRequest(path, { ...config, options: { backends } })).toContain(
      'The request is split: clip (route "default") goes to gpu now; ocr (route "default") goes to nas now.\n',
    )
  })

  it('has a head that routes can match', async () => {
    const options = {
      ...config.options,
      path: ['/', '/home/'],
      routes: [
        { match: { header: { 'x-tenant': 'family' }, path: '/home/predict' }, backends: ['nas'] },
        { backends: ['gpu'] },
      ],
    } as const
    const start = (path: string, tenant: string) =>
      `POST ${path} HTTP/1.1\r\nhost: ml\r\nX-Tenant: ${tenant}\r\ncontent-type: ${CONTENT_TYPE}\r\n`
    const explain = async (path: string, tenant: string) => {
      const sized = Buffer.from(`${start(path, tenant)}content-length: ${search.length}\r\n\r\n`)
      return explainRequest(await file('request.bin', Buffer.concat([sized, search])), { ...config, options })
    }
    expect(await explain('/home/predict?x=1', 'family')).toContain('The request goes to nas now.')
    expect(await explain('/home/predict', 'office')).toContain(
      'does not take it: header x-tenant is office, not family',
    )
    expect(await explain('/predict', 'family')).toContain(
      'does not take it: path is /predict, not /home/predict',
    )
    expect(await explainRequest(await file('request.bin', search), { ...config, options })).toContain(
      'does not take it: header x-tenant is missing',
    )
  })

  it('that the gateway does not answer is said to get 404', async () => {
    const sized = Buffer.from(
      `POST /other/predict HTTP/1.1\r\nhost: ml\r\ncontent-type: ${CONTENT_TYPE}\r\ncontent-length: ${search.length}\r\n\r\n`,
    )
    const path = await file('request.bin', Buffer.concat([sized, search]))
    const options = { ...config.options, path: ['/ml/', '/'] }
    expect(await explainRequest(path, { ...config, options })).toBe(
      `${path}: answered with 404 (not-found): the gateway answers POST /ml/predict and /predict\n`,
    )
  })

  it('whose job is not known is explained too, unless it is refused', async () => {
    const path = await file('request.bin', 'no multipart at all')
    expect(await explainRequest(path, config)).toMatch(
      /: unclassified \(not-multipart\)\.\n\nroute 1 "clip\/textual" does not take it: the job is not known/,
    )
    const options = { ...config.options, onUnclassified: 'reject' } as const
    expect(await explainRequest(path, { ...config, options })).toMatch(/: answered with 422 \(unclassified\)/)
  })

  it('that is too large is said to be', async () => {
    const path = await file('request.bin', immichBody('indexing', imageBytes(5_000)))
    const options = { ...config.options, maxBodySize: '1k' } as const
    expect(await explainRequest(path, { ...config, options })).toMatch(/answered with 413 \(body-too-large\)/)
  })

  it('that has broken off is explained as far as it goes', async () => {
    const [start] = search.toString('latin1').split('name="text"')
    const path = await file(
      'cut.bin',
      Buffer.concat([head('content-length: 900000\r\n'), Buffer.from(start ?? '')]),
    )
    expect(await explainRequest(path, config)).toMatch(/: clip\/textual .* with no input\./)
  })

  it('that is compressed is not looked into', async () => {
    const path = await file(
      'gzip.bin',
      Buffer.concat([head(`content-encoding: gzip\r\ncontent-length: ${search.length}\r\n`), search]),
    )
    expect(await explainRequest(path, config)).toMatch(/unclassified \(content-encoded\)/)
  })

  it.each(['POST /predict HTTP/1.1\r\ncontent-length: x\r\n\r\n', 'POST /predict HTTP/1.1\r\nhost: x\r\n'])(
    'that is not valid HTTP is rejected: %j',
    async (text) => {
      const path = await file('broken.bin', text)
      await expect(explainRequest(path, config)).rejects.toThrow(
        'starts like an HTTP request but is not valid',
      )
    },
  )
})

describe('what is no predict request', () => {
  it.each([
    [
      'POST /predict HTTP/1.1\r\nhost: x\r\n\r\nentries=',
      /has a body but neither Content-Length nor Transfer-Encoding/,
    ],
    ['GET /ping HTTP/1.1\r\nhost: x\r\n\r\n', /contains GET \/ping, which is not a predict request/],
    [
      'POST /other HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n',
      /contains POST \/other, which is not a predict request/,
    ],
  ])('is said to be none: %j', async (text, expected) => {
    await expect(explainRequest(await file('other.bin', text), config)).rejects.toThrow(expected)
  })
})

describe('immich-ml-router explain', () => {
  const run = (args: readonly string[], env: Record<string, string> = {}) => {
    const { PATH = '' } = process.env
    const command = ['packages/gateway/src/main.ts', 'explain', ...args]
    return promisify(execFile)(process.execPath, command, { cwd: ROOT, env: { PATH, ...env } })
  }

  it('says it, and ends', async () => {
    const path = await file('request.bin', search)
    const { stdout } = await run([path], { ML_DEFAULT_URL: 'http://gpu' })
    expect(stdout).toContain('The request goes to default now.')
    const yaml = await file('router.yaml', 'backends: { gpu: { url: "http://gpu:3003" } }')
    expect((await run([path, '--config', yaml])).stdout).toContain('The request goes to gpu now.')
  })

  it.each([
    [['/nowhere/request.bin'], 1, /ENOENT.*\/nowhere\/request\.bin/],
    [[], 2, /missing required argument 'request-file'/],
  ])('and %j ends with what is wrong', async (args, code, stderr) => {
    const env = { ML_DEFAULT_URL: 'http://gpu' }
    await expect(run(args, env)).rejects.toMatchObject({ code, stderr: expect.stringMatching(stderr) })
  })
})
