import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { answered, failed } from '../../../../test/support/outcomes.ts'
import { RouterClosedError, RouterError } from '../errors.ts'
import { endOf } from './tracing.ts'

const backend = { name: 'gpu', url: 'http://gpu', endpoint: undefined }

function followed(differences: object = {}) {
  return {
    res: new ServerResponse(new IncomingMessage(new Socket())),
    lease: { route: 'search', backend } as never,
    outcome: undefined,
    waited: { full: 3, unavailable: 5 },
    heartbeats: 1,
    ...differences,
  }
}

it('has what is known of a request that ended before it was classified', () => {
  expect(endOf(undefined, 0, new RouterClosedError())).toEqual({
    status: 503,
    code: 'router-closed',
    route: undefined,
    backend: undefined,
    outcome: undefined,
    error: new RouterClosedError(),
    attempts: 0,
    queue: 0,
    hold: 0,
    heartbeats: 0,
  })
})

it('has the status of the answer, the waits and the attempts', () => {
  const given = followed({ outcome: { ...answered, reachedClient: true } })
  given.res.statusCode = 201
  const end = endOf(given, 2, undefined)
  expect([end.status, end.code, end.route, end.backend]).toEqual([201, undefined, 'search', backend])
  expect([end.attempts, end.queue, end.hold, end.heartbeats]).toEqual([2, 3, 5, 1])
})

it('has the status that a refused client would have got, unless it has left', () => {
  const error = new RouterError('backend-timeout', 'late')
  const stayed = endOf(followed({ outcome: failed('reset') }), 1, error)
  expect([stayed.status, stayed.code, stayed.error]).toEqual([504, 'backend-timeout', error])
  const left = followed()
  left.res.destroy()
  expect(endOf(left, 1, error).status).toBeUndefined()
})

it('takes any other error for a bug of the router', () => {
  const { status, code } = endOf(followed(), 0, new TypeError('a bug'))
  expect([status, code]).toEqual([500, 'internal'])
})
