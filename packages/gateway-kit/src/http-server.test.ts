import { expect, it } from 'vitest'
import { createHttpServer } from './http-server.ts'

it('limits the time for the head of a request but not for its body', () => {
  const { headersTimeout, requestTimeout } = createHttpServer(() => {})
  expect({ headersTimeout, requestTimeout }).toEqual({ headersTimeout: 60_000, requestTimeout: 0 })
})
