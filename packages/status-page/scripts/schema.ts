import { fileURLToPath } from 'node:url'
import { createGenerator } from 'ts-json-schema-generator'

const path = fileURLToPath(new URL('../src/wire.ts', import.meta.url))

/**
 * The JSON Schema of `status.json`, from the types and comments of `wire.ts`.
 *
 * @param isOpen Whether a report may have further members, as one of a later version has.
 */
export function statusSchema(isOpen: boolean): object {
  const generator = createGenerator({
    path,
    type: 'Report',
    skipTypeCheck: true,
    additionalProperties: isOpen,
  })
  return {
    title: 'Report of immich-ml-router (GET /_router/status.json)',
    ...generator.createSchema('Report'),
  }
}
