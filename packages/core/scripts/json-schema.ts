import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { z } from 'zod'
import { configSchema, policySchema } from '../src/config/router-schema.ts'
import { isRecord } from '../src/record.ts'

const SOURCES = new URL('../src/config/', import.meta.url)

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

type Declarations = ReadonlyMap<string, ts.Expression>

/** The constants of the modules with schemas, by name. */
function readDeclarations(): Declarations {
  const declarations = new Map<string, ts.Expression>()
  for (const name of readdirSync(SOURCES).filter((file) => file.endsWith('-schema.ts'))) {
    const text = readFileSync(new URL(name, SOURCES), 'utf8')
    const file = ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true)
    for (const { name, initializer } of file.statements
      .filter(ts.isVariableStatement)
      .flatMap(({ declarationList }) => declarationList.declarations))
      if (ts.isIdentifier(name) && initializer !== undefined) declarations.set(name.text, initializer)
  }
  return declarations
}

/** Adds the doc comments of the code that made a JSON Schema to its properties. */
function describe(schema: unknown, code: ts.Expression | undefined, declarations: Declarations): void {
  if (!isRecord(schema) || code === undefined) return
  const { properties, items, additionalProperties, anyOf } = schema
  const alternatives = Array.isArray(anyOf) ? anyOf : []
  for (const inner of [items, additionalProperties, ...alternatives]) describe(inner, code, declarations)
  if (!isRecord(properties)) return
  const members = membersOf(objectIn(code, declarations), declarations)
  for (const [name, property] of Object.entries(properties)) {
    const member = members.get(name)
    if (member === undefined || !isRecord(property)) continue
    property['description'] = docOf(member)
    describe(property, ts.isPropertyAssignment(member) ? member.initializer : undefined, declarations)
  }
}

/** The literal with the members of `z.strictObject({ … })`, in a list, a record, a union or a constant as well. */
function objectIn(
  code: ts.Node | undefined,
  declarations: Declarations,
): ts.ObjectLiteralExpression | undefined {
  if (code === undefined || ts.isObjectLiteralExpression(code)) return code
  if (ts.isIdentifier(code)) return objectIn(declarations.get(code.text), declarations)
  if (ts.isArrayLiteralExpression(code)) return firstIn(code.elements, declarations)
  if (!ts.isCallExpression(code)) return undefined
  const { expression: callee } = code
  const isMethod = ts.isPropertyAccessExpression(callee) && callee.expression.getText() !== 'z'
  return isMethod ? objectIn(callee.expression, declarations) : firstIn(code.arguments, declarations)
}

function firstIn(codes: readonly ts.Node[], declarations: Declarations) {
  return codes.map((code) => objectIn(code, declarations)).find((literal) => literal !== undefined)
}

function membersOf(
  literal: ts.ObjectLiteralExpression | undefined,
  declarations: Declarations,
): ReadonlyMap<string, ts.ObjectLiteralElementLike> {
  const members = new Map<string, ts.ObjectLiteralElementLike>()
  for (const member of literal?.properties ?? []) {
    if (!ts.isSpreadAssignment(member)) members.set(member.name.getText(), member)
    else
      for (const [name, spread] of membersOf(objectIn(member.expression, declarations), declarations))
        members.set(name, spread)
  }
  return members
}

function docOf(member: ts.Node): string | undefined {
  const [comment] = ts.getJSDocCommentsAndTags(member).map((doc) => ts.getTextOfJSDocComment(doc.comment))
  return comment?.replaceAll(/\s+/g, ' ')
}
