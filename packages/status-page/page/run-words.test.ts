import { describe, expect, it } from 'vitest'
import type { RunView } from '../src/wire.ts'
import { formatFor } from './format.ts'
import { runInWords } from './run-words.ts'

const format = formatFor('en-GB')
const start = new Date(2026, 11, 1, 3, 11).getTime()
const run: RunView = {
  start,
  jobs: 1240,
  rate: 32,
  kinds: { indexing: 1240 },
  failures: 0,
  backends: { nas: { jobs: 40, busy: 0.1 }, gpu: { jobs: 1200, busy: 0.91 } },
}
const words = (rest: Partial<RunView> = {}) => {
  const said = runInWords({ ...run, ...rest }, start + 60_000, format, false)
  return Object.values(said).map((text: string) => text.replaceAll(/[\u202f\u00a0]/g, ' '))
}

describe('a run in words', () => {
  it('says how far it is, and that its end is unknown', () => {
    expect(words()).toEqual([
      '1,240 images since 03:11',
      'On average 32/s, gpu 91% busy, nas 10% busy',
      'None failed; set immich to see what remains',
      'Image indexing 1,240',
    ])
  })

  it('says what remains, when that is known', () => {
    expect(words({ remaining: 90, expectedEnd: start + 3_600_000, failures: 2 })[2]).toBe(
      '2 failed; 90 remain; done at about 04:11',
    )
  })

  it('gives no advice where Immich is configured and cannot tell', () => {
    expect(runInWords(run, start, format, true).rest).toBe('None failed')
  })

  it('says how it ended', () => {
    expect(words({ end: start + 125_000, failures: 1 }).slice(0, 3)).toEqual([
      '1,240 images',
      'On average 32/s, gpu 91% busy, nas 10% busy',
      '03:11 to 03:13, 2 min 5 s; 1 failed',
    ])
  })

  it('counts jobs, not images, when an image has several jobs', () => {
    const [count, , , kinds] = words({ kinds: { indexing: 620, faces: 620 } })
    expect([count, kinds]).toEqual(['1,240 jobs since 03:11', 'Image indexing 620 · Faces 620'])
  })

  it('tells the date of an older run', () => {
    expect(words({ start: start - 86_400_000 })[0]).toBe('1,240 images since 30 Nov, 03:11')
  })
})
