import { expect, it } from 'vitest'
import { CacheWarmer } from '../packages/gateway/src/warm-cache/cache-warmer.ts'
import { searchFor, searchPool } from './support/search-pool.ts'

const MODEL = 'ViT-B-32__openai'

it('saves each search once, with the bytes that Immich sends', async () => {
  const { url, ml, search } = await searchPool()
  const done: number[] = []
  const warmer = new CacheWarmer(url, MODEL, (count) => done.push(count))
  await warmer.run(['cat', 'red car', '猫'], ['en', 'de'])
  expect([warmer.counts, ml.asked, done]).toEqual([{ computed: 6, saved: 0 }, 6, [1, 2, 3, 4, 5, 6]])
  ml.broken = true
  expect([await search(searchFor('red car', MODEL, 'de')), await search('猫')]).toEqual(['fresh', 'fresh'])
  const again = new CacheWarmer(`${url}/`, MODEL)
  await again.run(['cat', '猫'], ['en'])
  expect(again.counts).toEqual({ computed: 0, saved: 2 })
})

it('stops with the reason where a search fails', async () => {
  const { url, ml, router, options } = await searchPool()
  await new CacheWarmer(url, MODEL).run(['cat'], ['en'])
  ml.broken = true
  await expect(new CacheWarmer(url, MODEL).run(['cat', 'dog'], ['en'])).rejects.toThrow(
    /answers 502 to the search "dog": .*\(1 are saved; run the command again when a backend is on\)/,
  )
  ml.broken = false
  router.reload({ ...options, routes: [{ backends: ['gpu'] }] })
  await expect(new CacheWarmer(url, MODEL).run(['cat'], ['en'])).rejects.toThrow(
    'does not save answers: add searchCache to the route of text searches',
  )
  await expect(new CacheWarmer('http://127.0.0.1:9', MODEL).run(['cat'], ['en'])).rejects.toThrow(
    'give --url',
  )
})
