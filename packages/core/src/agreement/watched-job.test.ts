import { expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { WatchedJob } from './watched-job.ts'

const MINUTE = 60_000

it('asks a backend at its limit only after it was due for a minute', async () => {
  const job = new WatchedJob(classified('image', 'clip/visual/a'))
  const patience: boolean[] = []
  const ask = (now: number) =>
    job.ask('gpu@http://gpu', now, async (whenFull) => {
      patience.push(whenFull)
      return whenFull ? Buffer.from('{}') : undefined
    })
  expect([await ask(0), await ask(MINUTE - 1), await ask(MINUTE)]).toEqual([false, false, true])
  // The answer begins a new wait.
  expect(await ask(MINUTE + 1)).toBe(false)
  expect(patience).toEqual([false, false, true, false])
})
