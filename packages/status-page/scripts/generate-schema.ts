import { writeFileSync } from 'node:fs'
import { statusSchema } from './schema.ts'

writeFileSync(
  new URL('../status.schema.json', import.meta.url),
  `${JSON.stringify(statusSchema(true), null, 2)}\n`,
)
