import { type RequestEvent, RouterError } from '@immich-ml-router/core'
import { ClientLeftError, HoldError } from '@immich-ml-router/core/parts'
import { describe, expect, it } from 'vitest'
import { answered, answeredWith, clientLeft, passedOver, superseded } from '../../../test/support/outcomes.ts'
import { decisionOf, decisionView, fateOf } from './decision-view.ts'
import { attemptOf, classificationOf, eventOf, unreachable } from './request-event.fixture.ts'

const viewOf = (event: Partial<RequestEvent> = {}) => decisionView(decisionOf(eventOf(event), 1))

describe('a decision', () => {
  it('has the facts, steps and attempts of a request', () => {
    expect(viewOf()).toEqual({
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
    })
  })

  it('has the code and message of an error, and the cause of each attempt', () => {
    const attempts = [attemptOf(unreachable), attemptOf(passedOver(401))]
    const view = viewOf({ attempts, error: new RouterError('backend-failed', 'all backends failed') })
    expect(view).toMatchObject({ code: 'backend-failed', error: 'all backends failed' })
    expect(view.attempts).toMatchObject([
      { outcome: 'failed', status: undefined, cause: 'connect' },
      { outcome: 'passed-over', status: 401, cause: expect.stringContaining('401 Unauthorized') },
    ])
  })

  it('stores little of what a client can make large', () => {
    const long = 'm'.repeat(500_000)
    const jobs = Array.from({ length: 50 }, (): [string, string, string] => ['clip', 'textual', long])
    const attempts = Array.from({ length: 50 }, () => attemptOf(unreachable))
    const error = new RouterError('backend-failed', long)
    const view = viewOf({ classification: classificationOf(...jobs), attempts, error })
    expect(JSON.stringify(view).length).toBeLessThan(5_000)
    expect(view).toMatchObject({ earlier: 38, job: { more: 44 } })
    expect(JSON.stringify(view)).not.toContain('secret')
  })
})

describe('the fate of a request', () => {
  it.each<[string, Partial<RequestEvent>]>([
    ['answered', {}],
    ['answered', { attempts: [attemptOf(superseded), attemptOf(answered)] }],
    ['rescued', { attempts: [attemptOf(unreachable), attemptOf(answered)] }],
    ['rescued', { attempts: [attemptOf(passedOver(500)), attemptOf(answered)] }],
    ['job-failed', { attempts: [attemptOf(answeredWith(422))], status: 422 }],
    ['failed', { attempts: [attemptOf(answeredWith(500))] }],
    ['failed', { attempts: [attemptOf(unreachable)], error: new RouterError('backend-failed', 'no') }],
    ['left', { attempts: [attemptOf(clientLeft)], status: undefined }],
    ['left', { attempts: [], error: new ClientLeftError(), status: undefined }],
    ['refused', { attempts: [], error: new HoldError('queue-full', 'full'), status: 503 }],
    ['answered', { attempts: [], parts: 2, status: 200 }],
    ['job-failed', { attempts: [], parts: 2, status: 422 }],
    ['failed', { attempts: [], parts: 2, status: 503 }],
    ['left', { attempts: [], parts: 2, error: new ClientLeftError(), status: undefined }],
    ['refused', { attempts: [], error: new RouterError('body-too-large', 'large'), status: 413 }],
  ])('is %s: %#', (fate, event) => {
    expect(fateOf(eventOf(event))).toBe(fate)
  })
})
