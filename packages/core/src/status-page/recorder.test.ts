import { describe, expect, it } from 'vitest'
import { attemptRecord } from '../../../../test/support/attempt-record.ts'
import { answered, answeredWith, clientLeft, failed, superseded } from '../../../../test/support/outcomes.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Classification } from '../classify/classification.ts'
import { defaults } from '../config/defaults.ts'
import { ClientLeftError, HoldError, RouterError } from '../errors.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { RequestEvent } from '../router/router.ts'
import { decisionView } from './decision-view.ts'
import { Recorder } from './recorder.ts'

const unreachable = failed('connect')

function attemptOf(outcome: Outcome, rest: Partial<AttemptRecord> = {}): AttemptRecord {
  const steps = { start: 1_005, time: 20, connect: 1, firstByte: 15, received: 100 }
  return attemptRecord(outcome, { ...steps, ...rest })
}

function classificationOf(...jobs: [task: string, type: string, model: string][]): Classification {
  const entries = jobs.map(([task, type, model]) => ({
    task,
    type,
    model,
    options: { secret: 'of the client' },
  }))
  return { classified: true, entries, tasks: [...new Set(entries.map(({ task }) => task))], input: 'text' }
}

/** What the router tells of a request: a search that was answered, but for what a test says otherwise. */
function eventOf(rest: Partial<RequestEvent> = {}): RequestEvent {
  const attempts = rest.attempts ?? [attemptOf(answered)]
  const event: Omit<RequestEvent, 'req' | 'res'> = {
    client: '127.0.0.1',
    classification: classificationOf(['clip', 'textual', 'ViT']),
    route: 'search',
    backend: { name: 'gpu', url: 'http://gpu', endpoint: undefined },
    attempts,
    outcome: attempts.at(-1)?.outcome,
    error: undefined,
    status: 200,
    retained: true,
    bodySize: 300,
    responseSize: 100,
    heartbeats: 0,
    start: 1_000,
    steps: { classify: 1, queue: 2, hold: 0, backend: 22, firstByte: 20, total: 25 },
    ...rest,
  }
  // The recorder must not touch the sockets, lest it keeps them.
  const forbidden = {
    get: () => {
      throw new Error('it looks at a socket')
    },
  }
  return Object.defineProperties(event, { req: forbidden, res: forbidden }) as RequestEvent
}

function recordedOf(...events: RequestEvent[]) {
  const recorder = new Recorder()
  for (const event of events) recorder.record(event)
  return { recorder, views: recorder.decisionsSince(0).map(decisionView) }
}

describe('a decision', () => {
  it('has what was done about a request, and when', () => {
    const { views } = recordedOf(eventOf())
    expect(views).toEqual([
      {
        id: 1,
        at: 1_000,
        fate: 'answered',
        kind: 'search',
        job: { entries: [{ task: 'clip', type: 'textual', model: 'ViT' }], more: undefined },
        client: '127.0.0.1',
        route: 'search',
        status: 200,
        error: undefined,
        code: undefined,
        bodySize: 300,
        responseSize: 100,
        heartbeats: 0,
        retained: true,
        classify: 1,
        queue: 2,
        hold: 0,
        firstByte: 20,
        total: 25,
        attempts: [
          {
            backend: 'gpu',
            endpoint: undefined,
            start: 5,
            time: 20,
            connect: 1,
            firstByte: 15,
            outcome: 'answered',
            status: 200,
            cause: undefined,
            hedge: false,
          },
        ],
        earlier: undefined,
      },
    ])
  })

  it.each<[string, Partial<RequestEvent>]>([
    ['answered', {}],
    ['answered', { attempts: [attemptOf(superseded), attemptOf(answered)] }],
    ['rescued', { attempts: [attemptOf(unreachable), attemptOf(answered)] }],
    ['failed', { attempts: [attemptOf(answeredWith(500))] }],
    ['failed', { attempts: [attemptOf(unreachable)], error: new RouterError('backend-failed', 'no') }],
    ['left', { attempts: [attemptOf(clientLeft)], status: undefined }],
    ['left', { attempts: [], error: new ClientLeftError(), status: undefined }],
    ['refused', { attempts: [], error: new HoldError('queue-full', 'full'), status: 503 }],
    ['refused', { attempts: [], error: new RouterError('body-too-large', 'large'), status: 413 }],
  ])('is that it was %s: %#', (fate, event) => {
    expect(recordedOf(eventOf(event)).views[0]?.fate).toBe(fate)
  })

  it.each<[string, Classification | undefined]>([
    ['search', classificationOf(['clip', 'textual', 'm'])],
    ['bulk', classificationOf(['clip', 'visual', 'm'])],
    ['bulk', classificationOf(['clip', 'textual', 'm'], ['ocr', 'detection', 'm'])],
    ['bulk', { classified: false, entries: [], tasks: [], input: undefined, reason: 'no-entries' }],
    ['bulk', undefined],
  ])('is of the kind %s: %#', (kind, classification) => {
    expect(recordedOf(eventOf({ classification })).views[0]?.kind).toBe(kind)
  })

  it('keeps little of what a client can make large', () => {
    const long = 'm'.repeat(500_000)
    const jobs = Array.from({ length: 50 }, (): [string, string, string] => ['clip', 'textual', long])
    const attempts = Array.from({ length: 50 }, () => attemptOf(unreachable))
    const error = new RouterError('backend-failed', long)
    const { views } = recordedOf(eventOf({ classification: classificationOf(...jobs), attempts, error }))
    expect(JSON.stringify(views).length).toBeLessThan(5_000)
    expect(views[0]).toMatchObject({ earlier: 38, job: { more: 44 } })
    expect(JSON.stringify(views)).not.toContain('secret')
  })
})

describe('the recorder', () => {
  it('knows the last requests, and which are new', () => {
    const most = defaults.statusDecisions
    const { recorder } = recordedOf(...Array.from({ length: most + 50 }, () => eventOf()))
    const ids = (since: number) => recorder.decisionsSince(since).map(({ id }) => id)
    expect([ids(0).length, ids(0)[0], ids(0).at(-1)]).toEqual([most, 51, most + 50])
    expect(ids(most + 47)).toEqual([most + 48, most + 49, most + 50])
    expect(ids(most + 50)).toEqual([])
  })

  it('knows those that did not simply go well for longer', () => {
    const bad = eventOf({ attempts: [attemptOf(unreachable)] })
    const most = defaults.statusDecisions
    const { recorder } = recordedOf(bad, ...Array.from({ length: most }, () => eventOf()), bad)
    const ids = (since: number) => recorder.decisionsSince(since).map(({ id }) => id)
    expect([ids(0)[0], ids(0)[1], ids(0).length]).toEqual([1, 3, most + 1])
    expect(ids(most + 1)).toEqual([most + 2])
  })

  it('has nothing to tell at first', () => {
    expect(recordedOf().views).toEqual([])
  })

  it('counts a request when it is over, for the backend that had it last', () => {
    const attempts = [attemptOf(unreachable), attemptOf(answered, { backend: 'nas' })]
    const { recorder } = recordedOf(eventOf({ start: 9_990, attempts }))
    expect(recorder.history.changedSince(0, 10_015)).toMatchObject([{ index: 1, backends: { nas: 1 } }])
  })
})
