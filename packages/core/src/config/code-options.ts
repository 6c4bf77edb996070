import { isRecord } from '../record.ts'
import type { Policy, Route } from './policy.ts'

/** Options that were written in code, as the data that the schema knows. */
export function asData(options: unknown): unknown {
  if (!isRecord(options)) return options
  const { routes, tenant, maxBodySize } = options
  const hasRoutes = Array.isArray(routes)
  // In code, no limit may be Infinity.
  const isUnlimited = maxBodySize === Number.POSITIVE_INFINITY
  const hasTenants = typeof tenant === 'function'
  if (!hasRoutes && !isUnlimited && !hasTenants) return options
  return {
    ...options,
    ...(hasRoutes ? { routes: routes.map(withoutCode) } : {}),
    ...(hasTenants ? { tenant: undefined } : {}),
    ...(isUnlimited ? { maxBodySize: 'unlimited' } : {}),
  }
}

/** Functions need no validation, but their place in the policy does. */
function withoutCode(route: unknown): unknown {
  if (!isRecord(route)) return route
  const { match, strategy, ...rest } = route
  return {
    ...rest,
    ...(match === undefined ? {} : { match: typeof match === 'function' ? {} : match }),
    ...(strategy === undefined || typeof strategy === 'function' ? {} : { strategy }),
  }
}

/** Valid data, with the functions of the options that it came from. */
export function withCode<T extends Policy>(data: T, { routes, tenant }: Policy): T {
  const whole = typeof tenant === 'function' ? { ...data, tenant } : data
  if (data.routes === undefined) return whole
  return { ...whole, routes: data.routes.map((route, index) => ({ ...route, ...codeOf(routes?.[index]) })) }
}

function codeOf({ match, strategy }: Partial<Route> = {}): Partial<Route> {
  return {
    ...(typeof match === 'function' ? { match } : {}),
    ...(typeof strategy === 'function' ? { strategy } : {}),
  }
}
