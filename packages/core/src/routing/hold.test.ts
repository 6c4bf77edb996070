import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { failed } from '../../../../test/support/outcomes.ts'
import { parsePolicy } from '../config/parse.ts'
import type { Policy } from '../config/policy.ts'
import { ConfigError } from '../config/problems.ts'
import { selectBackend } from '../router/select-backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { mostBulkHeld } from './patience.ts'

const search = classified('text', 'clip/textual')
const image = classified('image', 'clip/visual')
const HOUR = 3_600_000

/** A router whose only backend is ejected. */
function unavailable(policy: Partial<Policy> = {}) {
  const clock = new FakeClock()
  const select = selectBackend(
    { backends: { gpu: { url: 'http://gpu', health: false } }, ...policy },
    { clock },
  )
  for (let i = 0; i < 3; i++) select.lease('gpu').release(failed('connect'))
  const held: Promise<unknown>[] = []
  /** Holds a request, or says why not. */
  const send = (it = image) => {
    const { decision } = select.explain(it)
    if (decision.kind === 'reject') return decision.code
    const waiting = select(it)
    held.push(waiting.catch(() => {}))
    return decision.kind
  }
  return { clock, select, send }
}

describe('hold', () => {
  it.each([
    [1, 1],
    [9, 9],
    [10, 9],
    [1_000, 900],
  ])('of at most %i requests leaves bulk requests %i', (maxHeld, most) => {
    expect(mostBulkHeld({ maxHeld })).toBe(most)
  })

  it.each(['constructor', '__proto__'])('counts what waits on a route named %s', (name) => {
    const { select, send } = unavailable({ routes: [{ name, backends: ['gpu'] }] })
    expect([send(), send()]).toEqual(['hold', 'hold'])
    expect(Object.entries(select.held())).toEqual([[name, 2]])
    select.close()
  })

  it('bounds the bytes of all held bodies', () => {
    const bytesOf = (hold: Policy['hold']) =>
      selectBackend({ backends: { gpu: { url: 'http://gpu' } }, hold }).maxHeldBytes()
    expect(bytesOf(undefined)).toBe(2 * 1024 ** 3)
    expect(bytesOf('1h')).toBe(2 * 1024 ** 3)
    expect(bytesOf({ maxBytes: '512mb' })).toBe(512 * 1024 ** 2)
    expect(bytesOf({ maxBytes: 'unlimited' })).toBe(Number.POSITIVE_INFINITY)
  })

  it('holds a request for as long as its class says', async () => {
    const { clock, select } = unavailable()
    await select.drain('gpu')
    const ended: string[] = []
    const send = (name: string, it: typeof image) =>
      select(it).catch(({ code }) => ended.push(`${name} ${code} ${clock.now()}`))
    const began = clock.now()
    const both = [send('image', image), send('search', search)]
    clock.advance(15_000)
    await both[1]
    expect(ended).toEqual([`search hold-expired ${began + 15_000}`])
    clock.advance(12 * HOUR)
    await both[0]
    expect(ended[1]).toMatch('image hold-expired')
  })

  it('reserves a tenth of its places for interactive requests, and is useful while one is free', () => {
    const { select, send } = unavailable({ hold: { maxHeld: 10 } })
    expect(Array.from({ length: 10 }, () => send())).toEqual([...Array(9).fill('hold'), 'hold-full'])
    expect([send(search), send(search), send()]).toEqual(['hold', 'hold-full', 'hold-full'])
    expect([select.held(), select.useful()]).toEqual([{ default: 10 }, false])
    select.close()
  })

  it('lets interactive requests take every place', () => {
    const { select, send } = unavailable({ hold: { maxHeld: 2 } })
    expect([send(search), select.useful(), send(search), send(search), send()]).toEqual([
      ...['hold', true, 'hold', 'hold-full', 'hold-full'],
    ])
    select.close()
  })

  it('that is false tries the least bad backend at once', async () => {
    const { select, send } = unavailable({ hold: false })
    expect([select.useful(), send()]).toEqual([false, 'forward'])
  })
})

describe('a policy', () => {
  const gpu = { url: 'http://gpu' }
  function problemsOf(policy: object): string[] {
    try {
      parsePolicy({ backends: { gpu }, ...policy })
    } catch (error) {
      if (error instanceof ConfigError)
        return error.problems.map(({ path, message, suggestion }) =>
          [path, message, suggestion].join(' ').trim(),
        )
    }
    return []
  }

  it.each<[object, string[]]>([
    [{ hold: false }, []],
    [{ hold: 'unlimited' }, []],
    [{ hold: { bulk: '1h', interactive: 5_000, maxHeld: 1, maxBytes: '1gb' } }, []],
    [{ routes: [{ backends: ['gpu'], hold: { maxHeld: 5 } }] }, []],
    [
      { routes: [{ backends: ['gpu'], whenUnavailable: { hold: '12h' } }] },
      ['routes[0].whenUnavailable is now hold: write hold: 12h'],
    ],
    [{ hold: { bluk: '1h' } }, ['hold.bluk is not an option bulk']],
    [
      { routes: [{ backends: ['gpu'], hold: { maxBytes: 5 } }] },
      ['routes[0].hold.maxBytes is not an option'],
    ],
    [
      { hold: true },
      [
        'hold must be false, a duration such as "12h", "unlimited", or an object of bulk, interactive, maxHeld, maxBytes',
      ],
    ],
    [{ hold: { maxHeld: 0 } }, ['hold.maxHeld must be a whole number of 1 or more']],
  ])('%j', (policy, problems) => {
    expect(problemsOf(policy)).toEqual(problems)
  })

  it('has a backend for every task that a route matches by name', () => {
    const backends = { gpu: { ...gpu, tasks: ['clip'] }, nas: { ...gpu, tasks: ['ocr'] } }
    const problems = (task: unknown, names: string[]) =>
      problemsOf({ backends, routes: [{ match: { task }, backends: names }, { backends: ['gpu'] }] })
    expect(problems('ocr', ['gpu'])).toEqual([
      'routes[0].match.task is "ocr", which no backend of the route serves; add it to the tasks of one',
    ])
    expect(problems(['clip', 'ocr'], ['gpu'])).toEqual([
      'routes[0].match.task[1] is "ocr", which no backend of the route serves; add it to the tasks of one',
    ])
    expect(problems(['clip', 'ocr'], ['gpu', 'nas'])).toEqual([])
    expect(problems('o*', ['gpu'])).toEqual([])
  })
})
