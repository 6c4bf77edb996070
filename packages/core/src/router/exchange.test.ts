import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from '../../../../test/support/client.ts'
import { listen, stubMl, until } from '../../../../test/support/servers.ts'
import type { Policy } from '../config/policy.ts'
import { Forwarder } from '../forward/forwarder.ts'
import { immichBody } from '../testing/immich-requests.ts'
import { answerError } from './answers.ts'
import { Exchange } from './exchange.ts'
import { resolveExchangeOptions } from './exchange-options.ts'
import { selectBackend } from './select-backend.ts'

const body = immichBody('textSearch', 'a red boat')

/** A server that takes each request through the steps by hand. */
async function serve(policy: Policy, between: (exchange: Exchange) => boolean | undefined = () => undefined) {
  const options = resolveExchangeOptions()
  const select = selectBackend({ hold: false, health: false, ...policy })
  const forwarder = new Forwarder({ transport: 'direct' })
  onTestFinished(() => forwarder.destroy())
  const exchanges: Exchange[] = []
  const handle = async (req: IncomingMessage, res: ServerResponse) => {
    const exchange = await Exchange.begin(req, res, options)
    exchanges.push(exchange)
    if (between(exchange) === true) return
    await exchange.select(select)
    await exchange.forward(forwarder)
  }
  const { url } = await listen((req, res) => void handle(req, res).catch((error) => answerError(res, error)))
  return { url, select, exchanges }
}

describe('an exchange', () => {
  it('classifies, selects and forwards', async () => {
    const stub = await stubMl()
    const { url, exchanges } = await serve({ backends: { ml: { url: stub.url } } })
    expect((await post(url, body)).status).toBe(200)
    const [exchange] = exchanges
    expect(exchange?.classification.tasks).toEqual(['clip'])
    expect([exchange?.lease?.backend.name, exchange?.outcome?.kind]).toEqual(['ml', 'answered'])
    expect([exchange?.waited, exchange?.wait, exchange?.heartbeats]).toEqual([
      { full: 0, unavailable: 0 },
      undefined,
      0,
    ])
  })

  it('goes to the backend that code names, whatever the policy', async () => {
    const [stub, other] = await Promise.all([stubMl(), stubMl()])
    const { url } = await serve(
      { backends: { ml: { url: stub.url }, other: { url: other.url } }, routes: [{ backends: ['ml'] }] },
      (exchange) => {
        exchange.use('other')
        return undefined
      },
    )
    expect((await post(url, body)).headers['x-immich-ml-backend']).toBe('other')
  })

  it('answers with the best failed answer when no backend answers well', async () => {
    const [wrong, busy] = await Promise.all(
      [500, 503].map((status) =>
        listen((req, res) => req.resume().on('end', () => res.writeHead(status).end(`${status}`))),
      ),
    )
    const { url, exchanges, select } = await serve({
      backends: { wrong: { url: wrong?.url ?? '' }, busy: { url: busy?.url ?? '' } },
      routes: [{ backends: ['wrong', 'busy'], strategy: 'first' }],
    })
    const { status, body: answer } = await post(url, body)
    expect([status, answer.toString()]).toEqual([500, '500'])
    expect(exchanges[0]?.attempts.map(({ outcome }) => outcome.kind)).toEqual(['passed-over', 'answered'])
    expect(select.backends().map(({ inFlight }) => inFlight)).toEqual([0, 0])
  })

  it('releases the body when another middleware answers', async () => {
    const { url, exchanges } = await serve({ backends: { ml: { url: 'http://127.0.0.1:9' } } }, ({ res }) => {
      res.writeHead(403).end()
      return true
    })
    expect((await post(url, body)).status).toBe(403)
    await until(() => exchanges[0]?.body.retained === false, 'the body is released')
  })

  it('needs a selection before it forwards', async () => {
    const { url } = await listen(async (req, res) => {
      const exchange = await Exchange.begin(req, res, resolveExchangeOptions())
      const forwarder = new Forwarder({ transport: 'direct' })
      await exchange.forward(forwarder).catch((error) => answerError(res, error))
      await forwarder.destroy()
    })
    const { status, body: answer } = await post(url, body)
    expect([status, JSON.parse(answer.toString()).code]).toEqual([500, 'not-classified'])
  })
})
