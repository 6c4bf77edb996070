import { expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { PolicyRuntime } from '../router/policy-runtime.ts'
import { FakeClock } from '../testing/fake-clock.ts'

const search = classified('text', 'clip/textual/m')

it('numbers requests by arrival, and explains with the next place without taking it', () => {
  const clock = new FakeClock()
  const { table } = new PolicyRuntime({ backends: { gpu: { url: 'http://gpu' } } }, { clock })
  const first = table.arrive()
  clock.advance(500)
  const { place } = table.decide(search, {}).request
  expect(table.lastArrival).toBe(first.since)
  expect(table.arrive()).toEqual(place)
  expect([first.arrival, place.arrival, place.since - first.since]).toEqual([1, 2, 500])
})

it('keeps an earlier match while its route is in force', () => {
  const runtime = new PolicyRuntime({ backends: { gpu: { url: 'http://gpu' } } }, { clock: new FakeClock() })
  const { table } = runtime
  const request = runtime.route(search)
  const known = table.selectorOf(request)
  expect(table.selectorOf(request, known)).toBe(known)
  runtime.prepare({ backends: { gpu: { url: 'http://gpu' } } })()
  expect(table.selectorOf(request, known)).not.toBe(known)
  expect(table.selectors).toContain(table.selectorOf(request, known))
})
