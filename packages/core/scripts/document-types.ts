import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { codeOf, type Declarations, defaultOf, docOf, membersIn, readDeclarations } from './doc-comments.ts'

/**
 * Adds the doc comments and defaults of options to the declarations in a directory: TypeScript leaves comments out of inferred
 * types.
 */
export function documentTypes(directory: string): void {
  const declarations = readDeclarations()
  for (const name of readdirSync(directory).filter((file) => /\.d\.c?ts$/.test(file))) {
    const path = join(directory, name)
    const text = readFileSync(path, 'utf8')
    const documented = withComments(text, declarations)
    if (documented !== text) writeFileSync(path, documented)
  }
}

/** @param text A module of declarations such as `declare const timeouts: z.ZodObject<{ … }>`. */
export function withComments(text: string, declarations: Declarations): string {
  const comments: { readonly at: number; readonly doc: string }[] = []
  const visit = (type: ts.Node | undefined, code: ts.Expression | undefined): void => {
    const literal = type && objectTypeIn(type)
    if (literal === undefined || code === undefined) return
    const members = membersIn(code, declarations)
    for (const property of literal.members.filter(ts.isPropertySignature)) {
      const member = members.get(property.name.getText())
      if (member === undefined) continue
      const value = codeOf(member)
      const standard = defaultOf(value, declarations)
      const tag = standard === undefined ? '' : `\n * @default ${standard}\n`
      comments.push({ at: property.getStart(), doc: `${docOf(member) ?? ''}${tag}` })
      visit(property.type, value)
    }
  }
  const file = ts.createSourceFile('index.d.ts', text, ts.ScriptTarget.ESNext, true)
  // The bundler numbers names that several modules have.
  for (const { name, type } of file.statements
    .filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations))
    visit(type, declarations.get(name.getText().replace(/\$\d+$/, '')))
  return comments
    .sort((a, b) => b.at - a.at)
    .reduce((result, { at, doc }) => `${result.slice(0, at)}/** ${doc} */ ${result.slice(at)}`, text)
}

/** The members of the first `z.ZodObject<{ … }>` in a type. */
function objectTypeIn(type: ts.Node): ts.TypeLiteralNode | undefined {
  if (ts.isTypeReferenceNode(type) && type.typeName.getText() === 'z.ZodObject') {
    const [shape] = type.typeArguments ?? []
    if (shape !== undefined && ts.isTypeLiteralNode(shape)) return shape
  }
  return ts.forEachChild(type, objectTypeIn)
}
