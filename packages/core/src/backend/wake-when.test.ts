import { expect, it } from 'vitest'
import { wakeWhen } from '../config/backend-schema.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { WakeCondition } from './wake-when.ts'

function stage(local = '2026-01-15T12:00') {
  const clock = new FakeClock()
  const start = new Date(local).getTime()
  const condition = new WakeCondition(clock, () => new Date(start + clock.now()))
  return { clock, condition }
}

const isMetAt = (time: string, between: string) =>
  stage(`2026-01-15T${time}`).condition.isMet(wakeWhen.parse({ between }), 0)

it('is met once so many jobs wait', () => {
  const { condition } = stage()
  expect([0, 199, 200, 201].map((queued) => condition.isMet({ queued: 200 }, queued))).toEqual([
    false,
    false,
    true,
    true,
  ])
})

it.each([
  ['00:59', '01:00-06:00', false],
  ['01:00', '01:00-06:00', true],
  ['05:59', '01:00-06:00', true],
  ['06:00', '01:00-06:00', false],
  ['21:59', '22:00-06:00', false],
  ['22:00', '22:00-06:00', true],
  ['00:00', '22:00-06:00', true],
  ['06:00', '22:00-06:00', false],
])('at %s local time, %s is %s', (time, between, expected) => {
  expect(isMetAt(time, between)).toBe(expected)
})

it('goes by the local time on the days when clocks change', () => {
  const zone = process.env['TZ']
  process.env['TZ'] = 'Europe/Berlin'
  try {
    const when = wakeWhen.parse({ between: '02:00-04:00' })
    const isMet = (utc: string) => new WakeCondition(new FakeClock(), () => new Date(utc)).isMet(when, 0)
    // 29 March 2026: 02:00 to 03:00 does not exist. 25 October 2026: it comes twice.
    expect(
      ['2026-03-29T00:59Z', '2026-03-29T01:00Z', '2026-03-29T01:59Z', '2026-03-29T02:00Z'].map(isMet),
    ).toEqual([false, true, true, false])
    expect(
      ['2026-10-24T23:59Z', '2026-10-25T00:30Z', '2026-10-25T01:30Z', '2026-10-25T03:00Z'].map(isMet),
    ).toEqual([false, true, true, false])
  } finally {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  }
})

it('needs all conditions, or the longest time since the first job', () => {
  const { clock, condition } = stage('2026-01-15T12:00')
  const when = wakeWhen.parse({ queued: 200, between: '01:00-06:00', atMostAfter: '12h' })
  const after = (minutes: number, queued: number) => {
    for (let i = 0; i < minutes; i += 5) {
      clock.advance(300_000)
      condition.isMet(when, 0)
    }
    return condition.isMet(when, queued)
  }
  expect(condition.isMet(when, 500)).toBe(false)
  expect(after(11 * 60, 500)).toBe(false)
  expect(after(60, 1)).toBe(true)
  condition.reset()
  expect(condition.isMet(when, 199)).toBe(false)
  expect(after(60, 199)).toBe(false)
  expect(condition.isMet(when, 200)).toBe(true)
})

it('begins the longest time again after a pause without jobs', () => {
  const { clock, condition } = stage()
  const when = { queued: 200, atMostAfter: 3_600_000 }
  expect(condition.isMet(when, 1)).toBe(false)
  clock.advance(3_600_000)
  expect(condition.isMet(when, 1)).toBe(false)
})

it.each(['01:00', '1:00-06:00', '01:00-24:00', '25:00-06:00', '06:00-06:00'])('refuses %s', (between) => {
  expect(wakeWhen.safeParse({ between }).success).toBe(false)
})
