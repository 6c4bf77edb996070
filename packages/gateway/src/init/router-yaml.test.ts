import { describePolicy, parseConfig } from '@immich-ml-router/core'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Finding, JobResult } from '../probe/finding.ts'
import { IMMICH_JOBS, type ImmichJob } from '../probe/immich-jobs.ts'
import { planFor } from './plan.ts'
import { routerYaml } from './router-yaml.ts'
import { readTargets, type TargetOptions } from './targets.ts'

const OFF: Finding = { kind: 'unusable', cause: 'unreachable', reason: 'connection refused: start it' }
const WRONG: Finding = { kind: 'unusable', cause: 'wrong', reason: 'answered 401: set backends.x.auth' }

/** A backend that takes so many milliseconds for each job, but for the given ones. */
function answers(time: number, others: Partial<Record<ImmichJob['id'], JobResult>> = {}): Finding {
  const works: JobResult = { kind: 'works', time, first: time }
  return {
    kind: 'answers',
    ping: 1,
    jobs: IMMICH_JOBS.map((job) => ({ job, result: others[job.id] ?? works })),
  }
}

const LACKS: JobResult = { kind: 'lacks', reason: 'answered 501 Not Implemented' }

/** The file for these servers, by name, and which backends each route has. */
function written(findings: Record<string, Finding>, options: TargetOptions = {}) {
  const names = Object.keys(findings)
  const targets = readTargets(
    names.map((name) => `http://${name}:3003`),
    { ...options, name: names },
  )
  const text = routerYaml(
    planFor(targets, new Map(Object.entries(findings))),
    { file: 'router.yaml', command: 'immich-ml-router', otherPort: undefined },
    '2026-12-01',
  )
  for (const line of text.split('\n'))
    expect(line.trimStart().startsWith('#') ? line.length : 0).toBeLessThan(125)
  const config = parseConfig(parse(text))
  const routes = (config.routes ?? []).map(({ match, backends }) => [match ?? 'rest', ...backends])
  return { text, config, routes, backends: Object.keys(config.backends) }
}

const SEARCH = { task: 'clip', type: 'textual' }

describe('the configuration for', () => {
  it('one server has no routes', () => {
    const { text, routes, backends } = written({ gpu: answers(12) })
    expect([routes, backends]).toEqual([[], ['gpu']])
    expect(text).toContain('# Measured: text search 12 ms, image indexing 12 ms, faces 12 ms, OCR 12 ms.')
    expect(text).toContain('# With one backend, no routes are needed')
  })

  it('servers that are always on has no routes if each can do everything', () => {
    expect(written({ nas: answers(50), gpu: answers(5) })).toMatchObject({
      routes: [],
      backends: ['nas', 'gpu'],
    })
  })

  it('a machine that sleeps holds images, and gets a search only if what is always on fails', () => {
    const findings = { nas: answers(50), pi: answers(20), gpu: answers(5) }
    const { text, routes, config } = written(findings, { mac: ['gpu=aa:bb:cc:dd:ee:ff'] })
    expect(routes).toEqual([
      [SEARCH, 'pi', 'nas', 'gpu'],
      ['rest', 'gpu'],
    ])
    expect(config.routes).toMatchObject([{ strategy: 'first' }, { hold: { bulk: '12h' } }])
    expect(config.backends['gpu']).toMatchObject({ wake: { mac: 'aa:bb:cc:dd:ee:ff' } })
    expect(describePolicy(config)).not.toContain('no route leads to it: nas')
    expect(text).toContain('Its machine sleeps at')
  })

  it('a machine that is asleep has it in its routes, and a line for Wake-on-LAN', () => {
    const { text, routes } = written({ nas: answers(50), gpu: OFF }, { sleeps: ['gpu'] })
    expect(routes).toEqual([
      [SEARCH, 'nas', 'gpu'],
      ['rest', 'gpu'],
    ])
    expect(text).toContain('# Its machine sleeps, and did not answer: what it can do is not known.')
    expect(text).toContain('# wake: { mac: "aa:bb:cc:dd:ee:ff" }')
  })

  it('a server that lacks a task has a route without it', () => {
    const { text, routes } = written({ nas: answers(50, { ocr: LACKS }), gpu: answers(5) })
    expect(routes).toEqual([
      [{ task: 'ocr' }, 'gpu'],
      ['rest', 'gpu', 'nas'],
    ])
    expect(text).toContain('Does not have OCR (answered 501')
    const cannotSearch = written({ gpu: answers(5, { search: LACKS }), nas: answers(50) })
    expect(cannotSearch.routes).toEqual([
      [SEARCH, 'nas'],
      ['rest', 'gpu', 'nas'],
    ])
  })

  it('a task that no server has says so', () => {
    const { text, routes } = written({ gpu: answers(5, { ocr: LACKS }) })
    expect([routes, text]).toEqual([[], expect.stringContaining('# No backend can do OCR. Add one that can')])
  })

  it('servers that only some jobs need has each in a route', () => {
    const onlySearch = answers(5, { indexing: LACKS, faces: LACKS, ocr: LACKS })
    expect(
      written({ nas: answers(50, { search: LACKS }), gpu: onlySearch }, { sleeps: ['gpu'] }).routes,
    ).toEqual([
      [SEARCH, 'gpu'],
      ['rest', 'nas'],
    ])
    const { routes } = written({ nas: answers(50, { search: LACKS }), gpu: answers(5) }, { sleeps: ['gpu'] })
    expect(routes.flat()).toContain('nas')
  })

  it('servers that cannot be used has them as comments', () => {
    const { text, backends } = written({ nas: answers(50), gpu: OFF, null: WRONG })
    expect(backends).toEqual(['nas'])
    expect(text).toMatch(
      /# Left out: connection refused: start it\. .*\n.*\n? {2}# gpu:\n {2}# {3}url: http:\/\/gpu:3003\n/,
    )
    expect(text).toContain('  # "null":\n')
  })
})
