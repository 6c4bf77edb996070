import { writeFileSync } from 'node:fs'
import { jsonSchemas } from './json-schema.ts'

for (const [name, schema] of Object.entries(jsonSchemas())) {
  writeFileSync(new URL(`../${name}.schema.json`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`)
}
