import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Outcome, selectBackend } from '@immich-ml-router/core'
import { answerError, Exchange, Forwarder, resolveExchangeOptions } from '@immich-ml-router/core/parts'
import { FakeClock, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import type { Composed, Composition } from './adapters/adapter.ts'
import { adapters, direct } from './adapters/all.ts'
import { post } from './support/client.ts'
import { rawConnection } from './support/raw-client.ts'
import { listen, stubMl, until } from './support/servers.ts'

type Compose = (composition: Composition) => Composed

/** The three steps by hand, on plain node:http. */
const byHand: Compose = ({ policy, environment, classify, forward, afterClassify, beforeForward }) => {
  const resolved = resolveExchangeOptions(classify)
  const select = selectBackend({ hold: false, ...policy }, environment)
  const forwarder = new Forwarder(forward)
  const handle = async (req: IncomingMessage, res: ServerResponse) => {
    const exchange = await Exchange.begin(req, res, resolved)
    afterClassify?.(exchange)
    await exchange.select(select)
    beforeForward?.(exchange)
    await exchange.forward(forwarder)
  }
  return {
    listener: (req, res) => void handle(req, res).catch((error) => answerError(res, error)),
    reload: select.reload,
    prepare: select.prepare,
    close: () => forwarder.destroy(),
  }
}

const composers: { name: string; compose: Compose }[] = [
  { name: 'node:http by hand', compose: byHand },
  ...[...adapters, ...direct].flatMap(({ name, compose }) =>
    typeof compose === 'function' ? [{ name, compose }] : [],
  ),
]

/** What listeners of the response see, from before every middleware and from one in between. */
function watching(compose: Compose, composition: Composition) {
  const seen: string[] = []
  let exchange: Exchange | undefined
  const look = (what: string) => {
    const { outcome, attempts = [] } = exchange ?? {}
    seen.push([what, nameOf(outcome), ...attempts.map((attempt) => nameOf(attempt.outcome))].join(' '))
  }
  const { listener, close } = compose({
    ...composition,
    afterClassify: (it) => {
      exchange = it
      for (const event of ['finish', 'close']) it.res.on(event, () => look(`inner ${event}`))
    },
  })
  const watched: RequestListener = (req, res) => {
    for (const event of ['finish', 'close']) res.on(event, () => look(`outer ${event}`))
    listener(req, res)
  }
  return { watched, seen, close }
}

const nameOf = (outcome: Outcome | undefined) =>
  outcome === undefined || !('status' in outcome) ? `${outcome?.kind}` : `${outcome.kind}:${outcome.status}`

/** An ML server whose answer comes in pieces, each after the one before has left. */
function slowMl() {
  return listen((req, res) => {
    req.resume().on('end', async () => {
      res.writeHead(200, { 'content-type': 'application/json' })
      for (const piece of GOOD_ANSWER.match(/.{1,8}/gs) ?? []) {
        await new Promise((resolve) => res.write(piece, resolve))
        await sleep(2)
      }
      res.end()
    })
  })
}

describe.each(composers)('$name', ({ compose }) => {
  it.each<[what: string, start: () => Promise<{ url: string }>, size: number, outcome: string]>([
    ['a good answer', stubMl, 100, 'answered:200'],
    ['a good answer to a large upload', stubMl, 3_000_000, 'answered:200'],
    ['a slow answer', slowMl, 100, 'answered:200'],
    ['an answer that was passed over at first', () => stubMl({ fault: 'error' }), 100, 'answered:500'],
  ])('knows the outcome of %s before the response ends', async (_what, start, size, outcome) => {
    const { url: gpu } = await start()
    const { watched, seen, close } = watching(compose, { policy: { backends: { gpu: { url: gpu } } } })
    const { url } = await listen(watched)
    const answer = await post(url, immichBody('indexing', imageBytes(size)))
    if (answer.status === 200) expect(JSON.parse(answer.body.toString())).toHaveProperty('clip')
    await until(() => seen.length === 4, 'the response is closed')
    const of = (event: string) => `${event} ${outcome} ${outcome}`
    expect(seen).toEqual(['outer finish', 'inner finish', 'outer close', 'inner close'].map(of))
    await close()
  })

  it('knows it of the last of several attempts, hedged ones among them', async () => {
    const clock = new FakeClock()
    const [slow, quick] = [await stubMl({ fault: 'hang' }), await stubMl()]
    const { watched, seen, close } = watching(compose, {
      policy: {
        backends: { slow: { url: slow.url }, quick: { url: quick.url } },
        routes: [{ backends: ['slow', 'quick'], hedge: { after: '300ms' } }],
        health: false,
      },
      environment: { clock },
      forward: { clock },
    })
    const { url } = await listen(watched)
    const answer = post(url, immichBody('textSearch', 'cat'))
    await until(() => slow.received.length === 1, 'the first backend has it')
    clock.advance(300)
    expect((await answer).status).toBe(200)
    await until(() => seen.length === 4, 'the response is closed')
    for (const line of seen) expect(line).toMatch(/ answered:200 superseded answered:200$/)
    await close()
  })

  it('knows that every attempt failed', async () => {
    const stub = await stubMl({ fault: 'reset' })
    const { watched, seen, close } = watching(compose, {
      policy: { backends: { gpu: { url: stub.url } }, health: false },
    })
    const { url } = await listen(watched)
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(502)
    await until(() => seen.length === 4, 'the response is closed')
    for (const line of seen) expect(line).toMatch(/ failed( failed)+$/)
    await close()
  })

  it('knows that the client left before it had all of the answer', async () => {
    const clock = new FakeClock()
    const { url: backend } = await listen((req, res) => {
      req.resume().on('end', () => {
        res.writeHead(200, { 'content-type': 'application/json' })
        res.end(`{"clip":"${'1'.repeat(30_000_000)}"}`)
      })
    })
    const { watched, seen, close } = watching(compose, {
      policy: { backends: { gpu: { url: backend } }, health: false },
      environment: { clock },
      classify: { totalBodyMemory: '256mb' },
      forward: { clock, answerMemory: '100mb' },
    })
    const { url, server } = await listen(watched)
    let ended = false
    server.on('request', (_req, res) => {
      const end = res.end.bind(res)
      res.end = (...args: never[]) => {
        ended = true
        return end(...args)
      }
    })
    const connection = rawConnection(url)
    connection.pause()
    const body = immichBody('textSearch', 'cat')
    connection.write(
      `POST /predict HTTP/1.1\r\nhost: r\r\ncontent-type: multipart/form-data\r\ncontent-length: ${body.length}\r\n\r\n`,
    )
    connection.write(body)
    await until(() => ended, 'the whole answer is written')
    connection.destroy()
    const closed = () => seen.filter((line) => line.includes('close'))
    await until(() => closed().length === 2, 'the response is closed')
    for (const line of closed()) expect(line).toMatch(/close client-left client-left$/)
    await close()
  })
})
