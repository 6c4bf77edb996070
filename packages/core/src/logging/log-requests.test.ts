import { EventEmitter } from 'node:events'
import http from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { changes } from '../../../../test/support/backend-changes.ts'
import { answered, failed } from '../../../../test/support/outcomes.ts'
import type { PolicyChanges } from '../config/changes.ts'
import type { RequestEvent, Router, RouterEvents } from '../router/router.ts'
import { LINES, type Logger } from './lines.ts'
import { logRequests } from './log-requests.ts'

interface Line {
  readonly level: keyof Logger
  readonly fields: object
  readonly message: string
}

/** Events of a router, and the lines that they log. */
function setup() {
  const events = new EventEmitter()
  const lines: Line[] = []
  const on: Router['on'] = (event, listener) => {
    events.on(event, listener)
    return () => events.off(event, listener)
  }
  const logger: Logger = {
    debug: (fields, message) => void lines.push({ level: 'debug', fields, message }),
    info: (fields, message) => void lines.push({ level: 'info', fields, message }),
    warn: (fields, message) => void lines.push({ level: 'warn', fields, message }),
  }
  const end = logRequests({ on }, logger)
  const emit = <E extends keyof RouterEvents>(name: E, ...event: RouterEvents[E]): Line | undefined => {
    events.emit(name, ...event)
    return lines.at(-1)
  }
  return { emit, lines, end }
}

const req = Object.assign(new http.IncomingMessage(new Socket()), {
  method: 'POST',
  url: '/predict',
  httpVersion: '1.1',
})

const attempt = {
  backend: 'gpu',
  url: 'http://gpu:3003',
  endpoint: '10.0.0.3:3003',
  outcome: answered,
  start: 1,
  time: 30.04,
  connect: 0.51,
  firstByte: 29.96,
  received: 7,
  inCompany: false,
  hedge: false,
}

const request: RequestEvent = {
  req,
  res: new http.ServerResponse(req),
  client: '10.0.0.9',
  tenant: undefined,
  classification: {
    classified: true,
    entries: [
      { task: 'ocr', type: 'detection', model: 'm', options: {} },
      { task: 'ocr', type: 'recognition', model: 'm', options: {} },
    ],
    tasks: ['ocr'],
    input: 'image',
  },
  route: 'ocr',
  backend: { name: 'gpu', url: 'http://gpu:3003', endpoint: '10.0.0.3:3003' },
  attempts: [attempt],
  outcome: answered,
  error: undefined,
  status: 200,
  retained: true,
  bodySize: 1_000,
  responseSize: 7,
  heartbeats: 0,
  start: 0,
  steps: { classify: 0.26, queue: 0, hold: 0, backend: 31, firstByte: 30.2, total: 31.34 },
}

describe('the line of a request', () => {
  it('has the decision and the time of each step', () => {
    expect(setup().emit('request', request)).toEqual({
      level: 'info',
      message: 'predict',
      fields: {
        client: '10.0.0.9',
        request: 'POST /predict HTTP/1.1',
        status: 200,
        job: 'ocr/detection+ocr/recognition',
        route: 'ocr',
        backend: 'gpu',
        upstream: 'http://gpu:3003',
        endpoint: '10.0.0.3:3003',
        outcome: 'answered',
        bodySize: 1_000,
        steps: { classify: 0.3, queue: 0, hold: 0, connect: 0.5, firstByte: 30.2, backend: 31, total: 31.3 },
      },
    })
  })

  it('has the reasons to wait, each attempt, and what is unusual', () => {
    const line = setup().emit('request', {
      ...request,
      attempts: [
        {
          ...attempt,
          backend: 'mac',
          url: 'http://mac:3003',
          endpoint: undefined,
          outcome: failed('connect'),
          connect: undefined,
          firstByte: undefined,
        },
        { ...attempt, hedge: true },
      ],
      steps: { ...request.steps, queue: 3, hold: 5_000 },
      heartbeats: 4,
      retained: false,
    })
    expect(line?.fields).toMatchObject({
      waited: ['full', 'unavailable'],
      attempts: [
        { backend: 'mac', outcome: 'failed (connect)', time: 30 },
        {
          backend: 'gpu',
          endpoint: '10.0.0.3:3003',
          outcome: 'answered',
          hedge: true,
          connect: 0.5,
          firstByte: 30,
          time: 30,
        },
      ],
      hedged: true,
      heartbeats: 4,
      retained: false,
    })
  })

  it('is short, whatever a client sends', () => {
    const long = 'x'.repeat(100_000)
    const entries = Array.from({ length: 30_000 }, (_, index) => ({
      task: long,
      type: String(index),
      model: long,
      options: {},
    }))
    const line = setup().emit('request', {
      ...request,
      classification: { classified: true, entries, tasks: [long], input: 'image' },
      route: long,
      backend: { name: long, url: long, endpoint: long },
      attempts: [{ ...attempt, backend: long }, attempt],
      error: new Error(long),
      req: Object.assign(new http.IncomingMessage(new Socket()), {
        method: 'POST',
        url: long,
        httpVersion: '1.1',
      }),
    })
    const name = `${'x'.repeat(255)}…`
    expect(line?.fields).toMatchObject({
      job: name,
      route: name,
      backend: name,
      upstream: name,
      endpoint: name,
      request: `POST ${name} HTTP/1.1`,
      error: `${'x'.repeat(2_047)}…`,
      attempts: [{ backend: name }, { backend: 'gpu' }],
    })
  })

  it.each<[string, Partial<RequestEvent>, object]>([
    [
      'that was refused',
      {
        classification: undefined,
        backend: undefined,
        outcome: undefined,
        attempts: [],
        status: 413,
        error: new Error('large'),
      },
      { status: 413, job: 'unknown', outcome: 'refused', error: 'large' },
    ],
    [
      'whose client left',
      { outcome: { kind: 'client-left', reachedBackend: true, reachedClient: false }, status: undefined },
      { status: null, outcome: 'client-left' },
    ],
    [
      'whose job is not known',
      {
        classification: { classified: false, entries: [], tasks: [], input: undefined, reason: 'no-entries' },
        outcome: undefined,
      },
      { job: 'unclassified (no-entries)' },
    ],
  ])('%s is a warning', (_, differences, fields) => {
    expect(setup().emit('request', { ...request, ...differences })).toMatchObject({ level: 'warn', fields })
  })
})

describe('the line of a wait', () => {
  const hold = { route: 'ocr', error: undefined, time: 0, held: 2 }
  it.each([
    ['held', 'full', 'debug', 'request queued'],
    ['released', 'full', 'debug', 'request dispatched'],
    ['held', 'unavailable', 'info', 'request held'],
    ['released', 'unavailable', 'info', 'request dispatched'],
    ['gave-up', 'full', 'warn', 'request gave up waiting'],
    ['gave-up', 'unavailable', 'warn', 'request gave up waiting'],
  ] as const)('%s, %s: %s, %s', (kind, reason, level, message) => {
    expect(setup().emit('hold', { ...hold, kind, reason, time: 5_000.04 })).toMatchObject({
      level,
      message,
      fields: { route: 'ocr', held: 2, ...(kind === 'held' ? {} : { waitedFor: 5_000 }) },
    })
  })
})

describe('the line of a change of a backend', () => {
  it.each(changes)('$message: $change.kind', ({ change, message, fields = {} }) => {
    const { emit } = setup()
    const line = emit('backend', { backend: 'gpu', endpoint: '10.0.0.3:3003', ...change })
    expect(line).toMatchObject({ message, fields: { backend: 'gpu', endpoint: '10.0.0.3:3003', ...fields } })
    expect(line?.level).toBe(LINES[message][0])
  })

  it('is at debug level for a canary of a module that passes', () => {
    const { emit } = setup()
    const canary = { kind: 'canary', job: 'clip/textual/a', result: { kind: 'passed' }, time: 1 } as const
    const level = (purpose: 'question' | 'load') =>
      emit('backend', { backend: 'gpu', endpoint: undefined, ...canary, purpose })?.level
    expect([level('question'), level('load')]).toEqual(['debug', 'debug'])
  })

  it('covers every message', () => {
    const told = new Set<string>(changes.map(({ message }) => message))
    expect([...told].sort()).toEqual(
      Object.keys(LINES)
        .filter((message) => message.startsWith('backend'))
        .sort(),
    )
  })
})

describe('the line of a reload', () => {
  const none = { added: [], removed: [], changed: [] }
  it.each<[PolicyChanges, string]>([
    [{ backends: { ...none, replaced: [] }, routes: { ...none, reordered: false }, options: [] }, 'nothing'],
    [
      {
        backends: { added: ['a', 'b'], removed: ['c'], changed: ['d'], replaced: ['e'] },
        routes: { added: ['f'], removed: ['g'], changed: ['h'], reordered: true },
        options: ['queue'],
      },
      'backends added: a, b; backends removed: c; backends with another URL: e; backends changed: d; routes added: f; ' +
        'routes removed: g; routes changed: h; options changed: queue; routes reordered',
    ],
  ])('lists the changes', (differences, different) => {
    expect(setup().emit('reload', differences)).toEqual({
      level: 'info',
      message: 'configuration reloaded',
      fields: { different },
    })
  })
})

describe('logging', () => {
  it('stops', () => {
    const { emit, lines, end } = setup()
    end()
    emit('request', request)
    emit('hold', { kind: 'held', reason: 'full', route: '', error: undefined, time: 0, held: 0 })
    emit('backend', { backend: 'gpu', endpoint: undefined, kind: 'enabled', enabled: true })
    expect(lines).toEqual([])
  })
})
