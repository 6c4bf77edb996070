import { errors } from 'undici'
import { expect, it } from 'vitest'
import type { FailureCause } from '../backend/outcome.ts'
import { causeOf } from './cause.ts'

const withCode = (code: string) => Object.assign(new Error(code), { code })

it.each<[Error, boolean, FailureCause]>([
  [new errors.ClientDestroyedError(), true, 'shutdown'],
  [new errors.ClientClosedError(), false, 'shutdown'],
  [new errors.ConnectTimeoutError(), false, 'connect-timeout'],
  [new errors.HeadersTimeoutError(), true, 'response-timeout'],
  [new errors.BodyTimeoutError(), true, 'idle-timeout'],
  [withCode('ECONNREFUSED'), false, 'connect'],
  [withCode('ECONNRESET'), false, 'connect'],
  [withCode('ECONNRESET'), true, 'reset'],
  [withCode('EPIPE'), true, 'reset'],
  [new errors.SocketError('other side closed'), true, 'reset'],
  [new errors.SocketError('bad response'), true, 'protocol'],
  [new errors.HTTPParserError('Invalid character'), true, 'protocol'],
])('%s, with bytes at the backend: %s, is a failure of kind %s', (error, reachedBackend, cause) => {
  expect(causeOf(error, reachedBackend)).toBe(cause)
})
