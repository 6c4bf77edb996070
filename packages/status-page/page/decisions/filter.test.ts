import { describe, expect, it } from 'vitest'
import type { DecisionView } from '../../src/wire.ts'
import { decisionOf } from '../samples.ts'
import { type Filter, filtered, fromFragment, isFiltered, toFragment } from './filter.ts'

const attempt = (backend: string) =>
  ({ backend, start: 0, time: 1, outcome: 'answered', status: 200, hedge: false }) as const

const all: readonly DecisionView[] = [
  decisionOf(4, { kind: 'faces', route: 'images', fate: 'job-failed', total: 5, attempts: [attempt('gpu')] }),
  decisionOf(3, {
    kind: 'indexing',
    route: 'images',
    total: 900,
    attempts: [attempt('gpu'), attempt('nas')],
  }),
  decisionOf(2, { kind: 'indexing', route: 'images', fate: 'refused', total: 20 }),
  decisionOf(1, { route: 'searches', total: 30, attempts: [attempt('nas')] }),
]
const ids = (filter: Partial<Filter>) => filtered(all, { order: 'newest', ...filter }).map(({ id }) => id)

describe('a filter', () => {
  it.each<[Partial<Filter>, number[]]>([
    [{}, [4, 3, 2, 1]],
    [{ job: 'indexing' }, [3, 2]],
    [{ backend: 'nas' }, [3, 1]],
    [{ route: 'searches' }, [1]],
    [{ outcome: 'problems' }, [4, 2]],
    [{ outcome: 'job-failed' }, [4]],
    [{ route: 'images', outcome: 'answered' }, [3]],
    [{ order: 'slowest' }, [3, 1, 2, 4]],
    [{ job: 'indexing', order: 'slowest' }, [3, 2]],
  ])('%j', (filter, expected) => {
    expect(ids(filter)).toEqual(expected)
  })

  it('is kept in the address', () => {
    const filter: Filter = { route: 'a & b', outcome: 'problems', order: 'slowest' }
    expect(toFragment(filter)).toBe('route=a+%26+b&outcome=problems&order=slowest')
    expect([...fromFragment(`#${toFragment(filter)}`)]).toEqual([
      ['route', 'a & b'],
      ['outcome', 'problems'],
      ['order', 'slowest'],
    ])
    expect([toFragment({ order: 'newest' }), isFiltered({ order: 'slowest' }), isFiltered(filter)]).toEqual([
      '',
      false,
      true,
    ])
  })
})
