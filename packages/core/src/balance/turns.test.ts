import { expect, it } from 'vitest'
import { Backend } from '../backend/backend.ts'
import { Turns } from './turns.ts'

it('gives turns in proportion to the weights, spread evenly', () => {
  const turns = new Turns()
  const candidates = [5, 1, 1].map((weight, i) => ({
    backend: new Backend('abc'[i] ?? '', { url: `http://${i}`, weight }),
    isFull: false,
  }))
  const sequence = Array.from({ length: 7 }, () => {
    const backend = turns.rank(candidates)[0]?.backend
    if (backend === undefined) throw new Error('a ranking of candidates is not empty')
    turns.picked(backend)
    return backend.name
  })
  expect(sequence.join(' ')).toBe('a a b a c a a')
})

it('counts no turn until a backend is picked', () => {
  const turns = new Turns()
  const candidates = ['a', 'b'].map((name) => ({
    backend: new Backend(name, { url: `http://${name}`, weight: 1 }),
    isFull: false,
  }))
  const names = () => turns.rank(candidates).map(({ backend }) => backend.name)
  expect([names(), names()]).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ])
})
