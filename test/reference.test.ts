import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseConfig } from '@immich-ml-router/core'
import config from '@immich-ml-router/core/config.schema.json' with { type: 'json' }
import { describe, expect, it } from 'vitest'
import { readDeclarations } from '../packages/core/scripts/doc-comments.ts'
import { withComments } from '../packages/core/scripts/document-types.ts'
import { configurationReference } from '../packages/core/scripts/reference.ts'
import { constants } from '../packages/core/src/config/constants.ts'
import { resolveConfig } from '../packages/core/src/config/resolve.ts'
import { isRecord } from '../packages/core/src/record.ts'
import { ROOT } from './support/docs.ts'

/** What the schema says that is taken for the options of an object that are not given. */
function written(object: unknown): Record<string, unknown> {
  if (!isRecord(object) || !isRecord(object['properties'])) throw new Error('not the schema of an object')
  return Object.fromEntries(
    Object.entries(object['properties']).flatMap(([name, option]) =>
      isRecord(option) && 'default' in option ? [[name, option['default']]] : [],
    ),
  )
}

/** The one of several alternatives that is an object. */
function objectIn({ anyOf }: { readonly anyOf: readonly unknown[] }): unknown {
  return anyOf.find((one) => isRecord(one) && isRecord(one['properties']))
}

describe('docs/reference.md', () => {
  it('is what `npm run docs` makes of the schema', () => {
    expect(readFileSync(join(ROOT, 'docs/reference.md'), 'utf8')).toBe(configurationReference())
  })

  it('says of a number how small and how large it may be', () => {
    const reference = configurationReference()
    expect(reference).toContain('| `priority` | `interactive`, `bulk` or number from 0 |')
    expect(reference).toContain('| `weight` | number above 0 |')
    expect(reference).toContain('| `port` | whole number from 1 to 65535 |')
    expect(reference).toContain('| `retries` | whole number from 0 |')
  })

  it('has the fixed values with their units', () => {
    const reference = configurationReference()
    expect(reference).toContain('| `keepAliveTimeout` | 1.5 s | ')
    expect(reference).toContain('| `routeHeaderSize` | 4 KiB | ')
    for (const name of Object.keys(constants).filter((it) => !it.startsWith('metrics')))
      expect(reference).toContain(`\n| \`${name}\` | `)
  })

  it('describes every option', () => {
    const [options = ''] = configurationReference().split('## Fixed values')
    const rows = options.split('\n').filter((line) => line.startsWith('| `'))
    expect(rows.length).toBeGreaterThan(50)
    for (const row of rows) {
      const [, option, kind, , meaning] = row.split(/(?<!\\)\|/).map((cell) => cell.trim())
      expect([option, kind === '', meaning === '']).toEqual([option, false, false])
    }
  })
})

it('the declarations of the packages have the descriptions and the defaults', () => {
  const type = 'z.ZodOptional<z.ZodObject<{ connect: z.ZodPrefault<z.ZodString>; other: z.ZodString }>>'
  const text = `declare const ownTimeouts$1: 1\ndeclare const backend: z.ZodObject<{ timeouts: ${type} }, z.core.$strict>`
  const documented = withComments(text, readDeclarations())
  expect(documented).toMatch(/\{ \/\*\* How long each part [^/]+ \*\/ timeouts: z\.ZodOptional/)
  expect(documented).toContain(
    "{ /** Time to open a connection to a backend.\n * @default '2s'\n */ connect: z.ZodPrefault<z.ZodString>; other: z",
  )
})

describe('the defaults of the schema are those that are taken', () => {
  const { backends, routes, hold, health, heartbeat, queue, timeouts, limits, ...rest } = config.properties
  const backend = backends.additionalProperties.properties
  const route = routes.items.properties
  const url = 'http://ml'
  const wake = { mac: 'aa:bb:cc:dd:ee:ff' }

  it('for every option', () => {
    const nothing = {
      backends: { ml: { url, wake, discover: {} } },
      routes: [{ backends: ['ml'], hedge: {} }],
    }
    const everything = {
      ...written({ properties: rest }),
      hold: written(objectIn(hold)),
      health: written(objectIn(health)),
      heartbeat: written(objectIn(heartbeat)),
      queue: written(queue),
      timeouts: written(timeouts),
      limits: written(limits),
      backends: {
        ml: {
          ...written({ properties: backend }),
          url,
          wake: { ...written(backend.wake), ...wake },
          discover: written(objectIn(backend.discover)),
        },
      },
      routes: [{ ...written({ properties: route }), backends: ['ml'], hedge: written(route.hedge) }],
    }
    const values = ({ written: _, policy, ...parts }: ReturnType<typeof resolveConfig>) => ({
      ...parts,
      ...policy,
      written: undefined,
      routes: policy.routes.map((route) => ({ ...route, written: undefined })),
    })
    expect(values(resolveConfig(parseConfig(everything)))).toEqual(values(resolveConfig(nothing)))
    expect(Object.keys(everything.timeouts)).toEqual(['connect', 'response', 'idle', 'load', 'total'])
    expect(Object.keys(everything.hold)).toEqual(['bulk', 'interactive', 'maxHeld', 'maxBytes'])
    expect(written(objectIn(route.hold))).toEqual({ bulk: '12h', interactive: '15s', maxHeld: 1_000 })
    expect(Object.keys(everything.limits)).toEqual(Object.keys(limits.properties))
  })
})
