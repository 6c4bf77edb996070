import { expect, it } from 'vitest'
import { mean } from '../lib/stats.ts'
import { drawJobs, IMPORT, WORK } from './jobs.ts'

it('every contender gets the same jobs, with the same work', () => {
  const first = (seed: string) => Array.from({ length: 20 }, drawJobs(IMPORT, seed, 'bulk'))
  expect(first('1')).toEqual(first('1'))
  expect(first('1')).not.toEqual(first('2'))
})

it('the jobs of an import come in equal numbers, with the work that they are on average', () => {
  const draws = Array.from({ length: 9_000 }, drawJobs(IMPORT, 'many'))
  for (const job of IMPORT) {
    const own = draws.filter((draw) => draw.job === job)
    expect(own.length / draws.length).toBeCloseTo(1 / 3, 1)
    expect(mean(own.map(({ work }) => work)) / WORK[job]).toBeCloseTo(1, 1)
  }
})
