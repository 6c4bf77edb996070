import type { Classification } from '../classify/classification.ts'
import type { Policy } from '../config/policy.ts'
import type { RequestHead } from '../incoming-message.ts'
import { shorten } from '../shorten.ts'

/** The tenant of a request; empty when it has none. */
export type TenantOf = (classification: Classification, head: RequestHead) => string

/** @returns `undefined` when the policy has no tenants. */
export function compileTenant(tenant: Policy['tenant']): TenantOf | undefined {
  if (tenant === undefined) return undefined
  if (typeof tenant === 'function')
    return (classification, head) => shorten(String(tenant(classification, head) ?? ''))
  const name = tenant.header.toLowerCase()
  return (_classification, { headers }) => {
    const value = headers[name]
    return typeof value === 'string' ? shorten(value) : ''
  }
}
