import { z } from 'zod'
import { configSchema, policySchema } from './schema.ts'

/** The JSON Schemas that are published with this package, so that editors complete a policy or a configuration file. */
export function jsonSchemas(): Record<'policy' | 'config', object> {
  return {
    policy: z.toJSONSchema(policySchema, { io: 'input' }),
    config: z.toJSONSchema(configSchema, { io: 'input' }),
  }
}
