import { backend, wake } from './backend-schema.ts'
import { constants } from './constants.ts'
import { route, searchCache } from './route-schema.ts'
import { exchangeSchema, limits } from './router-schema.ts'
import { timeouts } from './shared-schema.ts'

const { maxConcurrent, reserve, tier, weight } = backend.parse({ url: 'http://ml' })
const { strategy } = route.parse({ backends: ['ml'] })
const { maxBodySize, totalBodyMemory } = exchangeSchema.parse({})

/** The fixed values, and defaults of options as the schema has them: in bytes and milliseconds. */
export const defaults = Object.freeze({
  ...constants,
  connectTimeout: timeouts.parse({}).connect,
  limits: limits.parse({}),
  maxBodySize,
  maxConcurrent,
  reserve,
  searchCacheEntries: searchCache.shape.maxEntries.parse(undefined),
  strategy,
  tier,
  totalBodyMemory,
  wakeInterval: wake.shape.every.parse(undefined),
  weight,
})
