import { once } from 'node:events'
import http from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type AnswerFault,
  type ImmichEntries,
  immichForm,
  StubMlServer,
  type StubMlServerOptions,
  UNDECODABLE,
} from './index.ts'

async function stub(options: StubMlServerOptions = {}): Promise<StubMlServer> {
  const started = await StubMlServer.start(options)
  onTestFinished(() => started.close())
  return started
}

function form(fields: Record<string, string>): FormData {
  const made = new FormData()
  for (const [name, value] of Object.entries(fields)) made.append(name, value)
  return made
}

const textual = { clip: { textual: { modelName: 'm' } } }
const visual = { clip: { visual: { modelName: 'm' } } }

async function ask(url: string, body: FormData, redirect: 'manual' | 'follow' = 'manual') {
  const response = await fetch(`${url}/predict`, { method: 'POST', body, redirect })
  return {
    status: response.status,
    type: response.headers.get('content-type')?.split(';')[0],
    body: await response.text(),
  }
}

const INTERNAL = { status: 500, type: 'text/plain', body: 'Internal Server Error' }

describe('the protocol', () => {
  it.each<[string, FormData, number, string]>([
    [
      'entries that are not JSON',
      form({ entries: '{', text: 'cat' }),
      422,
      '{"detail":"Invalid request format."}',
    ],
    [
      'no payload',
      form({ entries: JSON.stringify(visual) }),
      400,
      '{"detail":"Either image or text must be provided"}',
    ],
    [
      'a text over 1 MiB',
      immichForm(textual, 'x'.repeat(2 ** 20 + 1)),
      400,
      '{"detail":"Part exceeded maximum size of 1024KB."}',
    ],
  ])('%s is refused with FastAPI’s JSON', async (_, body, status, text) => {
    const { url } = await stub()
    expect(await ask(url, body)).toEqual({ status, type: 'application/json', body: text })
  })

  it('unknown tasks, types and models get 500 as plain text, or 422', async () => {
    const unknown: ImmichEntries[] = [
      { nsfw: { detection: { modelName: 'm' } } },
      { clip: { audio: { modelName: 'm' } } },
      { clip: { visual: { modelName: 'other' } } },
    ]
    const { url } = await stub({ models: ['m'] })
    for (const entries of unknown) expect(await ask(url, immichForm(entries))).toEqual(INTERNAL)
    expect((await ask(url, immichForm(visual))).status).toBe(200)
    const next = await stub({ unknown: 422 })
    expect((await ask(next.url, immichForm(unknown[0] ?? {}))).status).toBe(422)
  })

  it('an undecodable image gets 500', async () => {
    const { url } = await stub()
    expect(await ask(url, immichForm(visual, new Blob(['GIF', UNDECODABLE])))).toEqual(INTERNAL)
  })

  it('reads URL-encoded searches', async () => {
    const { url } = await stub()
    const body = new URLSearchParams({ entries: JSON.stringify(textual), text: 'cat' })
    expect((await fetch(`${url}/predict`, { method: 'POST', body })).status).toBe(200)
  })

  it('closes the connection of a 500 later, without announcing it', async () => {
    const { url } = await stub({ fault: 'error' })
    const agent = new http.Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const req = http.request(`${url}/predict`, { method: 'POST', agent }).end()
    const [res] = await once(req, 'response')
    const closed = once(req.socket ?? req, 'close')
    await once(res.resume(), 'end')
    expect([res.statusCode, res.headers.connection, res.headers['keep-alive']]).toEqual([
      500,
      undefined,
      undefined,
    ])
    expect(req.socket?.destroyed).toBe(false)
    await closed
  })
})

describe('faults', () => {
  const html = { type: 'text/html', body: expect.stringContaining('<html>') }

  it.each<[AnswerFault, object]>([
    [
      { kind: 'status', status: 530 },
      { status: 530, ...html },
    ],
    [
      { kind: 'status', status: 401 },
      { status: 401, ...html },
    ],
    [{ kind: 'status', status: 500 }, INTERNAL],
    [
      { kind: 'status', status: 404, detail: 'Not Found' },
      { status: 404, type: 'application/json', body: '{"detail":"Not Found"}' },
    ],
    [{ kind: 'login-page' }, { status: 200, ...html }],
    [{ kind: 'redirect' }, { status: 302, ...html }],
    [
      { kind: 'json', value: {} },
      { status: 200, type: 'application/json', body: '{}' },
    ],
    [
      { kind: 'lacks', types: ['clip/visual'] },
      { status: 501, type: 'application/json', body: '{"detail":"clip/visual is not supported"}' },
    ],
  ])('%o', async (fault, expected) => {
    const ml = await stub()
    await ml.setFault(fault)
    expect(await ask(ml.url, immichForm(visual))).toEqual(expected)
    expect(await (await fetch(`${ml.url}/ping`)).text()).toBe('pong')
    await ml.setFault(undefined)
    expect((await ask(ml.url, immichForm(visual))).status).toBe(200)
  })

  it('a server that lacks clip/visual serves clip/textual', async () => {
    const { url } = await stub({ fault: { kind: 'lacks', types: ['clip/visual'] } })
    expect((await ask(url, immichForm(textual))).status).toBe(200)
  })

  it('memory for one request fails the second', async () => {
    const ml = await stub({ serviceTime: 50, fault: { kind: 'memory', requests: 1 } })
    const [first, second] = await Promise.all([
      ask(ml.url, immichForm(visual)),
      ask(ml.url, immichForm(visual)),
    ])
    expect([first.status, second.status].sort()).toEqual([200, 500])
    expect((await ask(ml.url, immichForm(visual))).status).toBe(200)
  })

  it('a freeze leaves requests in flight and /ping without an answer', async () => {
    const ml = await stub({ serviceTime: 50 })
    const asked = ask(ml.url, immichForm(visual))
    await expect.poll(() => ml.started).toBe(1)
    await ml.setFault('freeze')
    const signal = AbortSignal.timeout(150)
    await expect(fetch(`${ml.url}/ping`, { signal })).rejects.toThrow('timeout')
    const state = await Promise.race([asked, Promise.resolve('no answer')])
    expect(state).toBe('no answer')
    await ml.close()
    await expect(asked).rejects.toThrow()
  })

  it('a redirect leads to a login page that answers 200', async () => {
    const { url } = await stub({ fault: { kind: 'redirect' } })
    expect(await ask(url, immichForm(visual), 'follow')).toEqual({ status: 200, ...html })
  })

  it('a tunnel’s 530 reaches /ping too', async () => {
    const { url } = await stub({ fault: { kind: 'status', status: 530, everywhere: true } })
    expect((await fetch(`${url}/ping`)).status).toBe(530)
  })
})

it('stops at the end of the block of `await using`', async () => {
  const { url } = await (async () => {
    await using ml = await StubMlServer.start()
    return { url: ml.url }
  })()
  await expect(fetch(`${url}/ping`)).rejects.toThrow('fetch failed')
})
