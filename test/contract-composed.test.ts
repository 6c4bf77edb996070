import type { Exchange } from '@immich-ml-router/core/parts'
import { FakeClock, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import type { Composition } from './adapters/adapter.ts'
import { adapters, direct } from './adapters/all.ts'
import { post } from './support/client.ts'
import { received, seed } from './support/contract-seed.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

const composable = [...adapters, ...direct].filter(({ compose }) => typeof compose === 'function')

describe.each(composable)('$name', (adapter) => {
  describe('composed of its three parts', () => {
    async function composed(between: Partial<Composition>) {
      const { stubs, policy } = await seed(adapter)
      if (typeof adapter.compose !== 'function') throw new Error(adapter.compose.lackingBecause)
      const { listener, reload, close } = adapter.compose({ policy, ...between })
      const { url } = await listen(listener)
      return { stubs, url, reload, close }
    }

    it('classifies, selects and forwards', async () => {
      const seen: unknown[] = []
      const { url, stubs, close } = await composed({
        afterClassify: ({ classification, lease }) => seen.push(classification.tasks, lease),
        beforeForward: ({ lease }) => {
          seen.push(lease?.backend.name, lease?.route, lease?.backend.inFlight)
          return false
        },
      })
      const body = immichBody('ocr', imageBytes(500_000))
      expect((await post(url, body)).status).toBe(200)
      expect(seen).toEqual([['ocr'], undefined, 'image', 'image', 1])
      expect(stubs.image.received[0]?.sha256).toBe(sha256(body))
      await close()
    })

    it('lets middleware overrule the classification and the backend', async () => {
      const swapped = await composed({
        afterClassify: (exchange) => {
          if (exchange.classification.classified)
            exchange.classification = { ...exchange.classification, input: 'text' }
        },
      })
      const body = immichBody('indexing', imageBytes(100_000))
      expect((await post(swapped.url, body)).headers['x-immich-ml-backend']).toBe('text')
      const named = await composed({ afterClassify: (exchange) => exchange.use('other') })
      expect((await post(named.url, body)).headers['x-immich-ml-backend']).toBe('other')
    })

    it('goes by another policy when it is given one', async () => {
      const { url, stubs, reload } = await composed({})
      reload({ backends: { new: { url: stubs.other.url } } })
      expect((await post(url, immichBody('ocr', imageBytes(100)))).headers['x-immich-ml-backend']).toBe('new')
      expect(received(stubs)).toEqual({ text: 0, image: 0, other: 1 })
    })

    it('gives the slot back when middleware answers by itself', async () => {
      let exchange: Exchange | undefined
      const { url, stubs } = await composed({
        beforeForward: (it) => {
          exchange = it
          return true
        },
      })
      const answer = await post(url, immichBody('indexing', imageBytes(3_000_000)))
      expect([answer.status, received(stubs)]).toEqual([403, { text: 0, image: 0, other: 0 }])
      expect(exchange?.lease?.backend.inFlight).toBe(0)
    })

    it('waits for a backend, and drops a client that disconnects', async () => {
      const gpu = await stubMl({ fault: 'refuse' })
      const held: string[] = []
      const { url, close } = await composed({
        policy: {
          backends: { gpu: { url: gpu.url } },
          routes: [{ backends: ['gpu'], hold: '12h' }],
        },
        environment: { onHold: ({ kind }) => held.push(kind) },
      })
      const leaving = new AbortController()
      const left = post(url, immichBody('indexing', imageBytes(3_000_000)), { signal: leaving.signal })
      left.catch(() => {})
      await until(() => held.length === 1, 'the first waits')
      leaving.abort()
      await until(() => held.length === 2, 'the first is gone')
      const stays = post(url, immichBody('ocr', imageBytes(3_000_000)))
      await until(() => held.length === 3, 'the second waits')
      await gpu.setFault(undefined)
      expect([(await stays).status, gpu.started]).toEqual([200, 1])
      expect(held).toEqual(['held', 'gave-up', 'held', 'released'])
      await close()
    })

    it('sends a request that is late to another backend as well', async () => {
      const clock = new FakeClock()
      const [slow, quick] = [await stubMl({ fault: 'hang' }), await stubMl()]
      let exchange: Exchange | undefined
      const { url, close } = await composed({
        policy: {
          backends: { slow: { url: slow.url }, quick: { url: quick.url } },
          routes: [{ backends: ['slow', 'quick'], hedge: { after: '300ms' } }],
        },
        environment: { clock },
        forward: { clock },
        beforeForward: (it) => {
          exchange = it
          return false
        },
      })
      const answer = post(url, immichBody('textSearch', 'cat'))
      await until(() => slow.received.length === 1, 'the first backend has it')
      clock.advance(300)
      expect((await answer).headers['x-immich-ml-backend']).toBe('quick')
      expect(exchange?.attempts.map(({ outcome }) => outcome.kind)).toEqual(['superseded', 'answered'])
      expect([exchange?.lease?.backend.name, exchange?.lease?.backend.inFlight]).toEqual(['quick', 0])
      await close()
    })

    it('refuses what is too large and what was eaten', async () => {
      const { url } = await composed({})
      expect((await post(url, immichBody('indexing', imageBytes(40_000_000)))).status).toBe(413)
    })
  })
})
