import { expect, it } from 'vitest'
import { toReplayBody } from '../body/body-source.ts'
import { unclassified } from '../classify/classification.ts'
import { DEFAULT_CLASSES } from '../judge/answer-classes.ts'
import { resolveExchangeOptions } from '../router/exchange-options.ts'
import { Answer } from './answer.ts'

it('an answer that comes byte by byte is judged again only when an eighth more has come', () => {
  const answer = new Answer(
    { status: 200, statusText: 'OK', rawHeaders: [], headers: {} },
    {
      backend: 'gpu',
      request: {
        body: toReplayBody(Buffer.from('x'), { maxSize: 10 }),
        classification: unclassified('no-entries'),
        store: resolveExchangeOptions().store,
      },
      classes: DEFAULT_CLASSES,
      limit: 100_000,
    },
  )
  const judgedAt: number[] = []
  for (let size = 1; size <= 100_000; size++) {
    answer.add(Buffer.from(' '))
    if (!answer.isWorthJudging) continue
    judgedAt.push(size)
    answer.judge(false)
  }
  expect(judgedAt.slice(0, 10)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 11])
  // Together, no more than nine times as many bytes as there are.
  expect(judgedAt.reduce((sum, size) => sum + size, 0)).toBeLessThan(9.5 * 100_000)
  answer.release()
})
