import type { RouterConfig } from '@immich-ml-router/core'
import { describe, expect, it } from 'vitest'
import { coverageOf } from './coverage.ts'
import type { Finding, JobResult } from './finding.ts'
import { IMMICH_JOBS, type ImmichJob } from './immich-jobs.ts'
import { loadingNotes, probeTable } from './probe-table.ts'

const OFF: Finding = { kind: 'unusable', cause: 'unreachable', reason: 'connection refused' }
const LACKS: JobResult = { kind: 'lacks', reason: 'answered 501 Not Implemented' }
const FAILS: JobResult = { kind: 'fails', reason: 'answered 500 Internal Server Error' }

function answers(others: Partial<Record<ImmichJob['id'], JobResult>> = {}): Finding {
  const works: JobResult = { kind: 'works', time: 12.34, first: 13 }
  return {
    kind: 'answers',
    ping: 1.26,
    jobs: IMMICH_JOBS.map((job) => ({ job, result: others[job.id] ?? works })),
  }
}

const gpu = { url: 'http://gpu' }
const nas = { url: 'http://nas' }
const ocrOnGpu: RouterConfig['routes'] = [
  { match: { task: 'ocr' }, backends: ['gpu'] },
  { backends: ['nas', 'gpu'] },
]

describe('the coverage of Immich’s jobs', () => {
  it.each<[string, RouterConfig, Record<string, Finding>, string[], string[]]>([
    ['all work', { backends: { gpu } }, { gpu: answers() }, [], []],
    [
      'a backend fails at a job that another one does',
      { backends: { gpu, nas } },
      { gpu: answers({ ocr: FAILS, faces: FAILS }), nas: answers() },
      [],
      ['gpu, faces, OCR: answered 500 Internal Server Error'],
    ],
    [
      'no backend of the last route has a task',
      { backends: { gpu } },
      { gpu: answers({ ocr: LACKS }) },
      [],
      [
        expect.stringContaining('OCR: no backend of the route "default" has this task; add one that does'),
        'gpu, OCR: does not have this task (answered 501 Not Implemented)',
      ],
    ],
    [
      'the backend of a route for a task lacks it',
      { backends: { gpu, nas }, routes: ocrOnGpu },
      { gpu: answers({ ocr: LACKS }), nas: answers() },
      [expect.stringContaining('OCR: no backend of the route "ocr" has this task')],
      [expect.stringContaining('gpu, OCR')],
    ],
    [
      'the only backend of a route is off',
      { backends: { gpu, nas }, routes: ocrOnGpu },
      { gpu: OFF, nas: answers() },
      ['OCR: no backend of the route "ocr" works (gpu)'],
      ['gpu: connection refused'],
    ],
    [
      'the only backend of a route is off and can be woken',
      { backends: { gpu: { ...gpu, wake: { mac: 'aa:bb:cc:dd:ee:ff' } }, nas }, routes: ocrOnGpu },
      { gpu: OFF, nas: answers() },
      [],
      [
        'OCR: no backend of the route "ocr" works now; requests wait until gpu wakes up',
        'gpu: connection refused',
      ],
    ],
    [
      'a task is excluded by the configuration',
      { backends: { gpu: { ...gpu, tasks: ['clip'] }, nas } },
      { gpu: answers(), nas: answers({ faces: FAILS }) },
      ['faces: no backend of the route "default" works (nas)'],
      ['nas, faces: answered 500 Internal Server Error'],
    ],
  ])('%s', (_, config, findings, errors, warnings) => {
    expect(coverageOf(config, new Map(Object.entries(findings)))).toEqual({ errors, warnings })
  })
})

it('the table of a probe', () => {
  const loaded: JobResult = { kind: 'works', time: 45, first: 3_210 }
  const late: JobResult = { kind: 'late', reason: 'no answer' }
  const busy: JobResult = { kind: 'busy', reason: 'answered 429' }
  const findings = new Map([
    ['gpu', answers({ indexing: loaded, ocr: LACKS })],
    ['nas', answers({ search: late, faces: FAILS, ocr: busy })],
    ['off', OFF],
  ])
  expect(probeTable(findings, (_style, text) => text)).toEqual([
    'backend  ping         text search  image indexing  faces  OCR',
    'gpu      1.3 ms       12 ms        45 ms           12 ms  lacks it',
    'nas      1.3 ms       no answer    12 ms           fails  busy',
    'off      unreachable',
  ])
  expect(loadingNotes(findings)).toEqual(['gpu: the first request loaded a model: image indexing 3.2 s'])
})
