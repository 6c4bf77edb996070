import { describe, expect, it } from 'vitest'
import { attemptRecord } from '../../../../test/support/attempt-record.ts'
import { answered, failed, passedOver } from '../../../../test/support/outcomes.ts'
import { AttemptLog } from './attempt-log.ts'

describe('an attempt log', () => {
  it('has one record of each attempt, the last one', () => {
    const log = new AttemptLog()
    const [first, second] = [{}, {}]
    log.set(first, attemptRecord(failed('reset')))
    log.set(second, attemptRecord(answered, { time: 1 }))
    log.set(second, attemptRecord(answered, { time: 2 }))
    expect(log.all.map(({ outcome, time }) => [outcome.kind, time])).toEqual([
      ['failed', 1],
      ['answered', 2],
    ])
  })

  it('keeps the last 50', () => {
    const log = new AttemptLog()
    for (let time = 0; time < 70; time++) log.set({}, attemptRecord(failed('reset'), { time }))
    expect([log.all.length, log.all[0]?.time, log.all.at(-1)?.time]).toEqual([50, 20, 69])
  })

  it('moves an attempt whose answer the client gets after all to the end, and back when the client leaves', () => {
    const log = new AttemptLog()
    const [best, other] = [attemptRecord(passedOver(500)), attemptRecord(passedOver(503), { backend: 'nas' })]
    log.set({}, best)
    log.set({}, other)
    const { outcome, undo } = log.delivered(best)
    expect(outcome).toMatchObject({ kind: 'answered', status: 500, reachedClient: true })
    expect(log.all.map(({ backend, outcome: { kind } }) => [backend, kind])).toEqual([
      ['nas', 'passed-over'],
      ['gpu', 'answered'],
    ])
    undo()
    expect(log.all).toEqual([other, best])
  })
})
