import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { NO_HEAD } from '../incoming-message.ts'
import { compileTenant } from './tenant.ts'

const search = classified('text', 'clip/textual')
const of = (headers: Record<string, string | string[]>) => ({ ...NO_HEAD, headers })

describe('the tenant of a request', () => {
  it('is the value of a header, and empty without it', () => {
    const tenantOf = compileTenant({ header: 'X-Tenant' })
    expect(tenantOf?.(search, of({ 'x-tenant': 'family' }))).toBe('family')
    expect(tenantOf?.(search, of({}))).toBe('')
    expect(tenantOf?.(search, of({ 'x-tenant': ['a', 'b'] }))).toBe('')
    expect(tenantOf?.(search, of({ 'x-tenant': 'x'.repeat(10_000) }))).toHaveLength(256)
  })

  it('is what a function says', () => {
    const tenantOf = compileTenant((classification, { client }) =>
      classification.classified ? client : undefined,
    )
    expect(tenantOf?.(search, { ...NO_HEAD, client: '10.0.0.9' })).toBe('10.0.0.9')
    expect(tenantOf?.(search, NO_HEAD)).toBe('')
  })

  it('is off by default', () => {
    expect(compileTenant(undefined)).toBeUndefined()
  })
})
