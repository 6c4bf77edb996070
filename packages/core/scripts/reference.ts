import { isRecord } from '../src/record.ts'
import { fixedValues } from './fixed-values.ts'
import { jsonSchemas } from './json-schema.ts'

type Schema = Readonly<Record<string, unknown>>

const INTRODUCTION = `# Configuration reference

Every option of a file or of code, generated from the schema by \`npm run docs\`. Examples are in
[configure by example](configure.md), with the [options in code only](configure.md#options-in-code-only).

A **duration** is milliseconds, or \`250ms\`, \`30s\`, \`10m\`, \`12h\`, \`1d\`. A **size** is bytes, or \`32mb\`, \`32MiB\`, \`32m\`, all
powers of 1024. The value of a route wins over that of a backend, and that over the global one.
`

/** The whole schema of a configuration file as tables: one for each object, with a heading that is its path. */
export function configurationReference(): string {
  const root: Schema = { ...jsonSchemas().config }
  const sections: string[] = []
  const shared = new Map<string, string>()
  addSections(root, '', sections, shared)
  return `${INTRODUCTION}\n${[...sections, fixedValues()].join('\n')}`
}

/** @param shared The options that there are for all, by name; where they are repeated, they need no section of their own. */
function addSections(schema: Schema, path: string, sections: string[], shared: Map<string, string>): void {
  const { required } = schema
  const options = Object.entries(membersOf(schema, 'properties')).filter(([name]) => name !== '$schema')
  const rows = options.map(([name, option]) => {
    const isRepeated = shared.get(name) === JSON.stringify(option)
    const isRequired = Array.isArray(required) && required.includes(name)
    const written = isRequired ? '(required)' : isRepeated ? 'global value' : defaultOf(option)
    return `| \`${name}\` | ${kindOf(option, joined(path, name), isRepeated ? name : undefined)} | ${written} | ${descriptionOf(option)} |`
  })
  sections.push(
    [
      `## ${path === '' ? 'Global options' : `\`${path}\``}`,
      '',
      '| option | type | default | meaning |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n'),
  )
  const own = options.filter(([name, option]) => shared.get(name) !== JSON.stringify(option))
  if (path === '') for (const [name, option] of options) shared.set(name, JSON.stringify(option))
  for (const [name, option] of own) {
    const object = objectIn(option)
    if (object !== undefined)
      addSections(object.schema, `${joined(path, name)}${object.suffix}`, sections, shared)
  }
}

/** The object that an option is, may be, or has many of. */
function objectIn(option: Schema): { readonly schema: Schema; readonly suffix: string } | undefined {
  if (Object.keys(membersOf(option, 'properties')).length > 0) return { schema: option, suffix: '' }
  const { additionalProperties, items } = option
  if (isRecord(additionalProperties) && 'properties' in additionalProperties)
    return { schema: additionalProperties, suffix: '.<name>' }
  if (isRecord(items) && 'properties' in items) return { schema: items, suffix: '[]' }
  const alternative = alternativesOf(option).find((one) => 'properties' in one)
  return alternative && { schema: alternative, suffix: '' }
}

/** The type in words; an object as a link to its section. */
function kindOf(option: Schema, path: string, sharedName?: string): string {
  const object = objectIn(option)
  const words = alternativesOf(option)
    .map((one) => simpleKindOf(one))
    .filter((kind) => kind !== '')
  if (object !== undefined) {
    const at = sharedName ?? `${path}${object.suffix}`
    const what = object.suffix === '' ? 'object' : object.suffix === '[]' ? 'list' : 'objects by name'
    words.push(`[${what}](#${anchorOf(at)})`)
  }
  return [...new Set(words)].join(' or ')
}

function simpleKindOf(option: Schema): string {
  const { title, type, items } = option
  if (typeof title === 'string') return title
  if ('const' in option) return `\`${String(option['const'])}\``
  if (Array.isArray(option['enum'])) return option['enum'].map((value) => `\`${value}\``).join(', ')
  if (type === 'string') return 'text'
  if (type === 'integer') return `whole number${rangeOf(option)}`
  if (type === 'number') return `number${rangeOf(option)}`
  if (type === 'boolean') return '`true`, `false`'
  if (type === 'array' && isRecord(items) && !('properties' in items)) return `list: ${simpleKindOf(items)}`
  if (type === 'object' && !('properties' in option) && isRecord(option['additionalProperties']))
    return 'properties' in option['additionalProperties'] ? '' : 'text by name'
  return typeof type === 'string' && type !== 'object' && type !== 'array' ? type : ''
}

/** Behind `number`. */
function rangeOf({ minimum, exclusiveMinimum, maximum }: Schema): string {
  const least = minimum === undefined ? '' : ` from ${minimum}`
  const above = exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`
  // An integer is bounded by what can be written exactly.
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`
  return `${least}${above}${most}`
}

function alternativesOf(option: Schema): readonly Schema[] {
  const { anyOf, title } = option
  if (typeof title === 'string' || !Array.isArray(anyOf)) return [option]
  return anyOf.filter(isRecord)
}

function defaultOf(option: Schema): string {
  return option['default'] === undefined ? '' : `\`${JSON.stringify(option['default']).replaceAll('"', '')}\``
}

function descriptionOf({ description }: Schema): string {
  return typeof description === 'string' ? description.replaceAll('|', '\\|') : ''
}

function membersOf(schema: Schema, key: string): Readonly<Record<string, Schema>> {
  const members = schema[key]
  if (!isRecord(members)) return {}
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, member]) => (isRecord(member) ? [[name, member]] : [])),
  )
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** As GitHub makes it of a heading. */
function anchorOf(path: string): string {
  return path.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '')
}
