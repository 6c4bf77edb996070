import { describe, expect, it } from 'vitest'
import { MINUTE, NOON, RUN, Script } from './archive.fixture.ts'
import { defaults } from './defaults.ts'

describe('runs', () => {
  it('have jobs by kind, a rate, failures, and the work of each backend', () => {
    const script = new Script()
    script.pass(MINUTE)
    script.jobs(60)
    script.jobs(30, { kind: 'faces', backend: 'nas' })
    script.job({ kind: 'ocr', fate: 'failed', isGood: false })
    script.job({ kind: 'ocr', isGood: false })
    script.job({ kind: 'search' })
    const started = NOON + MINUTE
    const backends = { gpu: { jobs: 62, busy: 0.667 }, nas: { jobs: 30, busy: 0.333 } }
    const kinds = { indexing: 60, faces: 30, ocr: 2 }
    // 92 jobs in 9 s.
    const run = { start: started, jobs: 92, kinds, failures: 2, rate: 10.222, backends }
    expect(script.runs).toEqual([{ ...run, end: undefined }])
    script.pass(defaults.runGap)
    expect(script.runs).toEqual([{ ...run, end: started + 9_000 }])
  })

  it('are not a handful of jobs, and not searches', () => {
    const script = new Script()
    script.jobs(RUN - 1)
    script.jobs(100, { kind: 'search' })
    expect(script.runs).toEqual([])
    script.jobs(1)
    expect(script.runs).toMatchObject([{ start: NOON, jobs: RUN }])
    script.pass(defaults.runGap)
    script.jobs(RUN - 1)
    script.pass(defaults.runGap)
    script.jobs(RUN)
    expect(script.runs.map(({ jobs, end }) => [jobs, end !== undefined])).toEqual([
      [RUN, true],
      [RUN, false],
    ])
  })

  it('continue after a gap of less than five minutes', () => {
    const script = new Script()
    script.jobs(RUN)
    script.pass(defaults.runGap - 1_000)
    script.jobs(1)
    expect(script.runs).toMatchObject([{ jobs: RUN + 1, end: undefined }])
  })

  it('continue while a job waits, and with a job that was held for hours', () => {
    const script = new Script()
    script.jobs(RUN)
    const hours = 180 * MINUTE
    script.pass(hours)
    expect(script.views(true).runs).toMatchObject([{ end: undefined }])
    expect(script.runs).toMatchObject([{ end: NOON + RUN * 100 }])
    script.job({ time: hours - MINUTE })
    expect(script.runs).toMatchObject([{ jobs: RUN + 1, end: undefined }])
  })

  it('have the busy time from the arrival of the first job, and no more than their own time', () => {
    const script = new Script()
    script.jobs(1, { kind: 'search' })
    script.pass(60 * MINUTE)
    // 10 s for the first job, then 10 s without any work.
    script.pass(10_000, { gpu: 10_000 })
    script.job({ time: 10_000 })
    script.pass(10_000)
    for (let i = 1; i < RUN; i++) script.job({ time: 1 })
    expect(script.runs).toMatchObject([{ backends: { gpu: { jobs: RUN, busy: 0.5 } } }])
  })

  it('are kept: the last ten, and the current one', () => {
    const script = new Script()
    for (let i = 0; i < 15; i++) {
      script.jobs(RUN + i)
      if (i < 14) script.pass(defaults.runGap)
    }
    expect(script.runs.map(({ jobs }) => jobs - RUN)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    expect(script.runs.filter(({ end }) => end === undefined)).toHaveLength(1)
    script.pass(defaults.runGap)
    expect(script.runs.at(-1)?.end).toBeDefined()
  })

  it('are reported again only after a change', () => {
    const script = new Script()
    script.jobs(RUN)
    script.pass(defaults.runGap)
    script.jobs(RUN)
    const { archive } = script
    expect(script.runs).toHaveLength(2)
    const mark = archive.changes
    expect(script.views(false, mark).runs).toEqual([])
    script.jobs(1)
    expect(script.views(false, mark).runs).toMatchObject([{ jobs: RUN + 1 }])
    const later = archive.changes
    script.pass(defaults.runGap)
    expect(script.views(false, later).runs).toMatchObject([
      { jobs: RUN + 1, end: script.now - defaults.runGap },
    ])
  })

  it('list the eight backends with the most jobs, however many names there were', () => {
    const script = new Script()
    for (let i = 0; i < 200; i++) for (let n = 0; n <= i % 100; n++) script.job({ backend: `b${i}` })
    const [run] = script.runs
    expect(Object.keys(run?.backends ?? {})).toHaveLength(8)
    expect(JSON.stringify(script.archive.record).length).toBeLessThan(10_000)
  })
})
