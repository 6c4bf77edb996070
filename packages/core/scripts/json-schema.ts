import type ts from 'typescript'
import * as z from 'zod'
import { configSchema, policySchema } from '../src/config/router-schema.ts'
import { isRecord } from '../src/record.ts'
import { codeOf, type Declarations, docOf, membersIn, readDeclarations } from './doc-comments.ts'

/** The published JSON Schemas. Their descriptions are the doc comments in src/config, which editors show in code as well. */
export function jsonSchemas(): Record<'policy' | 'config', Record<string, unknown>> {
  const declarations = readDeclarations()
  const published = (schema: z.ZodType, name: string) => {
    const json: Record<string, unknown> = { ...z.toJSONSchema(schema, { io: 'input' }) }
    describe(json, declarations.get(name), declarations)
    return json
  }
  return {
    policy: published(policySchema, 'policySchema'),
    config: published(configSchema, 'configSchema'),
  }
}

/** Adds the doc comments of the code that made a JSON Schema to its properties. */
function describe(schema: unknown, code: ts.Expression | undefined, declarations: Declarations): void {
  if (!isRecord(schema) || code === undefined) return
  const { properties, items, additionalProperties, anyOf } = schema
  const alternatives = Array.isArray(anyOf) ? anyOf : []
  for (const inner of [items, additionalProperties, ...alternatives]) describe(inner, code, declarations)
  if (!isRecord(properties)) return
  const members = membersIn(code, declarations)
  for (const [name, property] of Object.entries(properties)) {
    const member = members.get(name)
    if (member === undefined || !isRecord(property)) continue
    property['description'] = docOf(member)
    describe(property, codeOf(member), declarations)
  }
}
