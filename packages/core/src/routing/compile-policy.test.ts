import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { unclassified } from '../classify/classification.ts'
import type { Policy, Route } from '../config/policy.ts'
import { ConfigError } from '../config/problems.ts'
import { NO_HEAD } from '../incoming-message.ts'
import { type CompiledRoute, compilePolicy } from './compile-policy.ts'

const search = classified('text', 'clip/textual')
const image = classified('image', 'clip/visual')
const both = classified('image', 'clip/textual', 'clip/visual')
const unknown = unclassified('no-entries')

const backends = { gpu: { url: 'http://gpu' }, nas: { url: 'http://nas', timeouts: { response: '3s' } } }

function compiled(routes: readonly Route[], before?: readonly CompiledRoute[], policy: Partial<Policy> = {}) {
  return compilePolicy({ ...policy, backends, routes }, before).routes(() => ({
    current: [],
    serving: () => [],
  }))
}

describe('compilePolicy', () => {
  it('names a route by its match, and writes that name down', () => {
    const routes: Route[] = [
      { match: { task: 'clip', type: 'textual' }, backends: ['nas'] },
      { name: 'mine', match: () => true, backends: ['gpu'] },
      { backends: ['gpu', 'nas'] },
    ]
    const names = ['clip/textual', 'mine', 'default']
    expect(compiled(routes).map(({ name }) => name)).toEqual(names)
    expect(compilePolicy({ backends, routes }).written.routes.map(({ name }) => name)).toEqual(names)
  })

  it('numbers routes whose derived names are the same, and leaves given names', () => {
    const by = (authorization: string): Route => ({ match: { header: { authorization } }, backends: ['gpu'] })
    const routes: Route[] = [
      ...[by('a'), by('b'), by('c')],
      { name: 'mine', match: { task: 'ocr' }, backends: ['gpu'] },
      { name: 'mine', match: { task: 'clip' }, backends: ['gpu'] },
      {
        match: (
          () => () =>
            true
        )(),
        backends: ['gpu'],
      },
      {
        match: (
          () => () =>
            true
        )(),
        backends: ['gpu'],
      },
      { name: 'default', match: { task: 'tags' }, backends: ['gpu'] },
      { backends: ['gpu'] },
    ]
    expect(compiled(routes).map(({ name }) => name)).toEqual([
      ...['authorization=***', 'authorization=*** #2', 'authorization=*** #3', 'mine', 'mine'],
      ...['function', 'function #2', 'default', 'default #2'],
    ])
  })

  it('gives an unclassified request only to a route without a match', () => {
    const [matching, last] = compiled([{ match: { task: 'clip' }, backends: ['gpu'] }, { backends: ['gpu'] }])
    expect([matching?.takes(search, NO_HEAD), matching?.takes(unknown, NO_HEAD)]).toEqual([true, false])
    expect([last?.takes(search, NO_HEAD), last?.takes(unknown, NO_HEAD)]).toEqual([true, true])
  })

  it('takes text search alone for urgent, unless the route has a priority', () => {
    const [own, plain] = compiled([
      { match: { type: 'x' }, priority: 7, backends: ['gpu'] },
      { backends: ['gpu'] },
    ])
    expect([search, image, both, unknown].map((job) => plain?.priorityOf(job))).toEqual([1, 0, 0, 0])
    expect(own?.priorityOf(image)).toBe(7)
    const { mostUrgent } = compilePolicy({ backends, routes: [{ priority: 7, backends: ['gpu'] }] })
    expect([mostUrgent, compilePolicy({ backends }).mostUrgent]).toEqual([7, 1])
  })

  it('keeps the strategy of a route with the same name and strategy', () => {
    const turns: Route = { name: 'a', strategy: 'round-robin', backends: ['gpu', 'nas'] }
    const before = compiled([turns])
    const strategy = before[0]?.strategy
    expect(compiled([{ ...turns, retries: 1 }], before)[0]?.strategy).toBe(strategy)
    expect(compiled([{ ...turns, strategy: 'first' }], before)[0]?.strategy).not.toBe(strategy)
    expect(compiled([{ ...turns, name: 'b' }], before)[0]?.strategy).not.toBe(strategy)
  })

  it('has the timeouts of a backend, by any route or none', () => {
    const policy = compilePolicy({ backends, timeouts: { response: '9s' } })
    expect([policy.timeouts('nas').response, policy.timeouts('gpu').response]).toEqual([3_000, 9_000])
    expect(policy.timeouts('gone').response).toBe(9_000)
  })

  it('refuses a strategy in code that ranks nothing', () => {
    const strategy = (() => ({})) as unknown as NonNullable<Route['strategy']>
    expect(() => compiled([{ strategy, backends: ['gpu'] }])).toThrow(ConfigError)
    expect(() => compiled([{ strategy, backends: ['gpu'] }])).toThrow('routes[0].strategy must be a name')
  })
})
