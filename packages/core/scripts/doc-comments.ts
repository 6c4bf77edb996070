import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

const SOURCES = new URL('../src/config/', import.meta.url)

export type Declarations = ReadonlyMap<string, ts.Expression>

/** The constants of the modules with schemas, by name. */
export function readDeclarations(): Declarations {
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

/** The members of `z.strictObject({ … })` by name, with their doc comments. */
export function membersIn(
  code: ts.Expression,
  declarations: Declarations,
): ReadonlyMap<string, ts.ObjectLiteralElementLike> {
  return membersOf(objectIn(code, declarations), declarations)
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

export function docOf(member: ts.Node): string | undefined {
  const [comment] = ts.getJSDocCommentsAndTags(member).map((doc) => ts.getTextOfJSDocComment(doc.comment))
  return comment?.replaceAll(/\s+/g, ' ')
}

/** The code behind `name:`, or the constant of that name. */
export function codeOf(member: ts.ObjectLiteralElementLike): ts.Expression | undefined {
  if (ts.isPropertyAssignment(member)) return member.initializer
  return ts.isShorthandPropertyAssignment(member) ? member.name : undefined
}

/** The argument of `prefault()`, as it is written. */
export function defaultOf(code: ts.Node | undefined, declarations: Declarations): string | undefined {
  if (code !== undefined && ts.isIdentifier(code)) return defaultOf(declarations.get(code.text), declarations)
  if (code === undefined || !ts.isCallExpression(code)) return undefined
  const { expression: callee } = code
  if (!ts.isPropertyAccessExpression(callee)) return undefined
  return callee.name.text === 'prefault'
    ? code.arguments[0]?.getText()
    : defaultOf(callee.expression, declarations)
}
