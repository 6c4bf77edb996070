import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { jsonSchemas } from './json-schema.ts'

for (const [name, schema] of Object.entries(jsonSchemas())) {
  const path = new URL(`../${name}.schema.json`, import.meta.url)
  const text = `${JSON.stringify(schema, null, 2)}\n`
  // An unchanged file stays untouched: another process may be reading it.
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text)
}
