import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { unclassified } from '../classify/classification.ts'
import type { Route } from '../config/policy.ts'
import { compilePolicy } from './compile-policy.ts'

const search = classified('text', 'clip/textual/m')
const image = classified('image', 'clip/visual/m')
const backends = { gpu: { url: 'http://gpu' }, nas: { url: 'http://nas' } }
const NOBODY = { current: [], serving: () => [] }
const compile = (routes: readonly Route[], before: Parameters<typeof compilePolicy>[1] = []) => {
  const policy = compilePolicy({ backends, routes }, before)
  return { policy, routes: policy.routes(() => NOBODY) }
}

describe('a compiled route', () => {
  it('has the name of its match, and takes unclassified requests only without one', () => {
    const [first, last] = compile([
      { match: { task: 'clip' }, backends: ['gpu'] },
      { backends: ['nas'] },
    ]).routes
    expect([first?.name, last?.name]).toEqual(['clip', 'default'])
    const unknown = unclassified('no-entries')
    expect([first?.takes(image), first?.takes(unknown), last?.takes(unknown)]).toEqual([true, false, true])
  })

  it('is urgent for text searches, unless it says another priority', () => {
    const [usual] = compile([{ backends: ['gpu'] }]).routes
    expect([search, image, classified('text')].map((it) => usual?.priorityOf(it))).toEqual([1, 0, 0])
    const { policy, routes } = compile([{ backends: ['gpu'], priority: 7 }])
    expect([routes[0]?.priorityOf(image), policy.mostUrgent]).toEqual([7, 7])
  })

  it('keeps the turns of a route with the same name and strategy', () => {
    const route: Route = { backends: ['gpu'], strategy: 'round-robin' }
    const before = compile([route]).routes
    const same = compile([route], before).routes
    const other = compile([{ ...route, strategy: 'first' }], before).routes
    expect([same[0]?.strategy === before[0]?.strategy, other[0]?.isOrdered]).toEqual([true, true])
  })

  it('needs a strategy that ranks', () => {
    const strategy: unknown = () => ({})
    expect(() => compile([{ backends: ['gpu'], strategy: strategy as () => never }])).toThrow(
      /routes\[0\]\.strategy.*must be a name, or a function that makes an object with rank\(\)/s,
    )
  })
})
