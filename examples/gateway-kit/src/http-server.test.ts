import { expect, it } from 'vitest'
import { createHttpServer } from './http-server.ts'

it('bounds the time for the head of a request, and not for a body that the router has paused', () => {
  const { headersTimeout, requestTimeout } = createHttpServer(() => {})
  expect({ headersTimeout, requestTimeout }).toEqual({ headersTimeout: 60_000, requestTimeout: 0 })
})
