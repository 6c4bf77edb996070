import { expect, it } from 'vitest'
import { answered, clientLeft, failed, passedOver } from '../../../../test/support/outcomes.ts'
import { TlsError } from '../errors.ts'
import { describeOutcome } from './outcome.ts'

it('describes an outcome in a few words', () => {
  expect([answered, clientLeft, failed('connect'), passedOver(503)].map(describeOutcome)).toEqual([
    'answered',
    'client-left',
    'failed (connect)',
    'answered 503 Service Unavailable',
  ])
})

it('names what is wrong with TLS', () => {
  const error = new TlsError('its certificate has expired', 'CERT_HAS_EXPIRED', undefined)
  expect(describeOutcome({ ...failed('connect'), error })).toBe(`failed (connect: ${error.message})`)
})
