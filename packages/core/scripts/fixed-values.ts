import { readFileSync } from 'node:fs'
import { constants } from '../src/config/constants.ts'

const SOURCE = new URL('../src/config/constants.ts', import.meta.url)

/** A doc comment, the constant after it, and its unit as a trailing comment. */
const MEMBER = /\/\*\*((?:(?!\*\/)[\s\S])+)\*\/\n {2}(\w+): [^\n]+,(?: \/\/ (\w+))?$/gm

/** The constants as a table, with their doc comments. Those of metrics are in docs/metrics.md. */
export function fixedValues(): string {
  const values = new Map<string, unknown>(Object.entries(constants))
  const members = [...readFileSync(SOURCE, 'utf8').matchAll(MEMBER)].filter(([, , name = '']) =>
    values.has(name),
  )
  if (members.length !== values.size)
    throw new Error(
      'constants.ts: each constant needs a doc comment, and its unit as // ms, bytes, … after it',
    )
  const rows = members
    .filter(([, , name = '']) => !name.startsWith('metrics'))
    .map(([, comment = '', name = '', unit]) => {
      const meaning = comment.replaceAll(/\s+\*?\s*/g, ' ').trim()
      return `| \`${name}\` | ${inUnit(values.get(name), unit)} | ${meaning} |`
    })
  return [
    '## Fixed values',
    '',
    'Values that no option changes.',
    '',
    '| name | value | meaning |',
    '|---|---|---|',
  ]
    .concat(rows, '')
    .join('\n')
}

function inUnit(value: unknown, unit: string | undefined): string {
  if (typeof value !== 'number' || unit === undefined) return String(value)
  if (unit === 'bytes' && value % 1024 === 0) return `${value / 1024} KiB`
  if (unit !== 'ms' || value < 1_000) return `${value} ${unit}`
  return value < 60_000 ? `${value / 1_000} s` : `${value / 60_000} min`
}
