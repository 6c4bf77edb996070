import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FakeClock } from '../../../../../test/support/fake-clock.ts'
import { Workload } from './workload.ts'

it('has room for another once as many are done as are too many, and one', () => {
  const jobs = fc.array(fc.integer({ min: 50, max: 100 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(
      jobs,
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 40 }),
      (times, limit, passed) => {
        const clock = new FakeClock()
        const workload = new Workload(clock)
        for (const time of times) workload.begin(time)
        clock.shift(passed)
        const ends = times.map((time) => time - passed).sort((a, b) => a - b)
        for (let again = 0; again < 2; again++)
          expect(workload.freeIn(limit)).toBe(ends[Math.max(0, times.length - limit)])
      },
    ),
  )
})
