import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { countingMl, searchFor, searchPool } from './support/search-pool.ts'
import { until } from './support/servers.ts'

const DAY = 86_400_000

describe('a stale answer', () => {
  const stalePool = async (options: Parameters<typeof searchPool>[0] = {}) => {
    const pool = await searchPool(options)
    await pool.search('cat')
    pool.time.now += 31 * DAY
    return pool
  }

  it('answers when the only backend fails', async () => {
    const { ml, search, requests } = await stalePool()
    ml.broken = true
    expect(await search('cat')).toBe('stale')
    const { cached, outcome, error, status } = requests.at(-1) ?? {}
    expect([cached, outcome?.kind, error, status]).toEqual(['stale', 'failed', undefined, 200])
    ml.broken = false
    expect([await search('cat'), await search('cat')]).toEqual(['backend', 'fresh'])
  })

  it('answers at once where the search would be held, and wakes nothing', async () => {
    const ml = await countingMl()
    const woken: string[] = []
    const { search, router, time, requests } = await stalePool({
      backends: { gpu: { url: ml.url, health: false } },
      hold: '1h',
      onUnavailable: ({ name }) => woken.push(name),
    })
    const drained = router.drain('gpu')
    expect([await search('cat'), woken, time.now > 0]).toEqual(['stale', [], true])
    expect(requests.at(-1)?.steps.hold).toBe(0)
    await drained
  })

  it('answers when the wait in the queue ends', async () => {
    const { ml, search, clock, router, url } = await stalePool({ queue: { maxWait: '5s' } })
    router.reload({
      ...router.modules.config(),
      backends: { gpu: { url: ml.url, health: false, maxConcurrent: 1 } },
    })
    ml.slow = true
    const busy = post(url, searchFor('dog'))
    await until(() => ml.asked === 2, 'the backend is busy')
    const waiting = search('cat')
    await until(() => [...router.waiting()].length === 1, 'the search is queued')
    clock.advance(5_000)
    expect(await waiting).toBe('stale')
    ml.release()
    await busy
  })

  it('is not used while a backend can answer, even one that is slow or at its limit', async () => {
    const { ml, search } = await stalePool()
    expect([await search('cat'), ml.asked]).toEqual(['backend', 2])
  })

  it('is removed when backends disagree on the model', async () => {
    const { search, router } = await stalePool()
    await search(searchFor('dog', 'other'))
    const problem = {
      route: 'all',
      model: 'other',
      jobs: [],
      reason: 'gpu and nas disagree on other',
      excluded: false,
    }
    router.report({ backend: 'gpu', endpoint: undefined, kind: 'model-problem', problem, fixed: false })
    expect(await search(searchFor('dog', 'other'))).toBe('backend')
  })

  it('is removed with those of all searches when the model computes another answer', async () => {
    const { ml, search } = await stalePool()
    await search('dog')
    await search(searchFor('dog', 'other'))
    ml.values = 6
    expect(await search('cat')).toBe('backend')
    expect(await search('dog')).toBe('backend')
    expect(await search(searchFor('dog', 'other'))).toBe('fresh')
  })
})
