import { STATUS_CODES } from 'node:http'
import { expect, it } from 'vitest'
import {
  BodyFailedError,
  BodyTooLargeError,
  ClientLeftError,
  NoBackendError,
  RouterClosedError,
  RouterError,
  TlsError,
} from './errors.ts'

it.each([
  [
    new BodyTooLargeError(5),
    'body-too-large',
    413,
    'The request body is larger than the limit of 5 bytes (maxBodySize).',
  ],
  [
    new BodyTooLargeError(5, 9),
    'body-too-large',
    413,
    'The request body of 9 bytes is larger than the limit of 5 bytes (maxBodySize).',
  ],
  [new BodyFailedError('reset'), 'body-failed', 400, 'The request body ended before it was complete: reset.'],
  [
    new NoBackendError('ocr', 'gpu is down'),
    'no-backend-available',
    503,
    'No backend of route "ocr" is available: gpu is down.',
  ],
  [new RouterClosedError(), 'router-closed', 503, 'The router is shutting down.'],
  [new RouterError('internal', 'x'), 'internal', 500, 'x'],
])('%s has a code, a status and a message', (error, code, status, message) => {
  expect(error).toMatchObject({ code, status, message, details: {} })
  expect(STATUS_CODES[status]).toBeDefined()
})

it('has a cause only if one is given', () => {
  const cause = new Error('cable pulled')
  expect(new BodyFailedError(cause)).toMatchObject({
    cause,
    message: expect.stringContaining('cable pulled'),
  })
  expect('cause' in new RouterClosedError()).toBe(false)
})

it('uses the status of nginx for a client that left', () => {
  expect(new ClientLeftError().status).toBe(499)
})

it("keeps Node's code of a TLS error", () => {
  expect(new TlsError('the certificate has expired', 'CERT_HAS_EXPIRED', undefined)).toMatchObject({
    code: 'CERT_HAS_EXPIRED',
    message: 'the certificate has expired (CERT_HAS_EXPIRED)',
  })
})
