import { readFileSync } from 'node:fs'
import jsonata from 'jsonata'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { post } from './support/client.ts'
import { ROOT } from './support/docs.ts'
import { search, serve } from './support/served-page.ts'
import { stubMl } from './support/servers.ts'

const DOCUMENT = readFileSync(new URL('docs/integrations.md', `file://${ROOT}`), 'utf8')

/** The text under a heading. */
function section(heading: string): string {
  const [, after = ''] = DOCUMENT.split(new RegExp(`^## ${heading}$`, 'm'))
  return after.split(/^## /m)[0] ?? ''
}

/** The YAML under a heading. */
function yamlOf(heading: string): unknown {
  const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(section(heading)) ?? []
  return parse(text)
}

/** The value at a path such as `backends[0].minute.busy` or `backends.0.minute.busy`. */
function valueAt(value: unknown, path: string): unknown {
  return path
    .split(/[.[\]]+/)
    .filter(Boolean)
    .reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), value)
}

/** The parsed status.json of a router with one healthy backend, or a dead one and a notice. */
async function report(isBroken = false): Promise<unknown> {
  const stub = await stubMl()
  if (isBroken) await stub.close()
  const { url, router } = await serve({ backends: { gpu: { url: stub.url } } })
  if (isBroken) router.notices.set({ kind: 'demo', level: 'error', message: 'Broken.' })
  for (let i = 0; i < 6; i++) await post(url, search)
  return JSON.parse(await (await fetch(`${url}/_router/status.json`)).text())
}

it('has fields that a report has', async () => {
  const paths = [...DOCUMENT.matchAll(/^\| `([\w.[\]]+)` \|/gm)].map(([, path = '']) => path)
  expect(paths).toHaveLength(6)
  const broken = await report(true)
  for (const path of paths) expect([path, valueAt(broken, path)]).toEqual([path, expect.anything()])
})

it('maps fields of Homepage', async () => {
  const found = await report()
  const services: unknown = yamlOf('Homepage')
  const widget = valueAt(services, '0.Photos.0.Immich ML router.widget')
  expect(widget).toMatchObject({ type: 'customapi', url: expect.stringMatching(/\/_router\/status\.json$/) })
  const mappings: unknown = valueAt(widget, 'mappings')
  if (!Array.isArray(mappings)) throw new Error('there are no mappings')
  expect(mappings.map(({ field }) => typeof valueAt(found, pathOf(field)))).toEqual(
    mappings.map(() => 'number'),
  )
})

/** The path of a mapping's field: nested objects with one key each. */
function pathOf(field: unknown): string {
  if (typeof field !== 'object' || field === null) return String(field)
  const [[key, inner] = []] = Object.entries(field)
  return `${key}.${pathOf(inner)}`
}

it('has a query of Uptime Kuma that is 0 unless something is wrong', async () => {
  const [, query = ''] = /\| Json Query \| `(.*)` \|/.exec(section('Uptime Kuma')) ?? []
  const [, expected] = /\| Expected Value \| `(.*)` \|/.exec(section('Uptime Kuma')) ?? []
  const valueIn = async (found: unknown) => String(await jsonata(query).evaluate(found))
  expect(await valueIn(await report())).toBe(expected)
  expect(await valueIn(await report(true))).toBe('2')
})

it('has templates of Home Assistant with fields that exist', async () => {
  const found = await report(true)
  const [rest] = [valueAt(yamlOf('Home Assistant'), 'rest.0')]
  const sensors = [valueAt(rest, 'sensor'), valueAt(rest, 'binary_sensor')].flat()
  const templates = sensors.map((sensor) => String(valueAt(sensor, 'value_template')))
  expect(templates).toHaveLength(5)
  for (const template of templates) {
    const paths = [...template.matchAll(/value_json\.([\w.[\]]+)/g)].map(([, path = '']) => path)
    expect(paths.length).toBeGreaterThan(0)
    for (const path of paths) expect([path, valueAt(found, path)]).toEqual([path, expect.anything()])
  }
})

it('has a template of Glance with fields that exist', async () => {
  const found = await report(true)
  const template = String(valueAt(yamlOf('Glance'), '0.template'))
  const [whole = '', ...ranges] = template.split(/\{\{ range /)
  const types: Record<string, string> = { String: 'string', Int: 'number', Float: 'number' }
  const check = (text: string, context: unknown) => {
    const reads = [...text.matchAll(/\.(String|Int|Float) "([\w.]+)"/g)]
    expect(reads.length).toBeGreaterThan(0)
    for (const [, type = '', path = ''] of reads)
      expect([path, typeof valueAt(context, path)]).toEqual([path, types[type]])
  }
  check(whole, found)
  expect(ranges).toHaveLength(2)
  for (const range of ranges) {
    const [, list = ''] = /^\.JSON\.Array "(\w+)"/.exec(range) ?? []
    check(range, valueAt(found, `${list}.0`))
  }
})
