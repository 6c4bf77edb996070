import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { explanationText, selectBackend } from '@immich-ml-router/core'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { LINES, LOG_FIELDS } from '../packages/core/src/logging/lines.ts'
import { defaults as statusPageDefaults } from '../packages/status-page/src/defaults.ts'
import { exampleOf, moduleExampleOf, ROOT, rowsUnder } from './support/docs.ts'
import { reasonOf } from './support/reason-of.ts'

const documents = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024 }

/** The limits in the rows of a table, by name. */
function limits(table: string[][]): Record<string, number> {
  return Object.fromEntries(
    table.map(([name = '', value = '']) => {
      const [number, unit = ''] = value.split(' ')
      return [name, Number(number) * (UNITS[unit] ?? 1)]
    }),
  )
}

describe('links', () => {
  it.each(documents)('in %s lead somewhere', (path) => {
    const targets = [...read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(
      ([, target = '']) => target,
    )
    const missing = targets.filter((target) => !existsSync(join(ROOT, dirname(path), target)))
    expect(missing).toEqual([])
  })

  it.each(documents)('in %s lead to headings that are there', (path) => {
    const targets = [...read(path).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)]
    const missing = targets.filter(([, target = '', anchor = '']) => {
      const file = target === '' ? path : join(dirname(path), target)
      return !anchorsOf(read(file)).includes(anchor)
    })
    expect(missing.map(([link]) => link)).toEqual([])
  })
})

/** The anchors that GitHub gives to headings; the second of a name gets a number. */
function anchorsOf(markdown: string): string[] {
  const seen = new Map<string, number>()
  return [...markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(
    ([, heading = '']) => {
      const anchor = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-')
      const before = seen.get(anchor) ?? 0
      seen.set(anchor, before + 1)
      return before === 0 ? anchor : `${anchor}-${before}`
    },
  )
}

describe('docs/status-page.md', () => {
  it('has every fixed limit as it is', () => {
    const { basePath: _, ...fixed } = statusPageDefaults
    expect(limits(rowsUnder('Fixed limits', 'docs/status-page.md'))).toEqual(fixed)
  })
})

describe('docs/logs.md', () => {
  const logs = read('docs/logs.md')

  it('has every line with its levels, and no other', () => {
    const documented = [...logs.matchAll(/^\| `([^`]+)` \| ((?:`\w+`(?:, )?)+) \| .+ \| .+ \|$/gm)].map(
      ([, message = '', levels = '']) => [message, levels.replaceAll('`', '').split(', ')],
    )
    expect(Object.fromEntries(documented)).toEqual(LINES)
  })

  it('has every field, and no other', () => {
    const fields = /^## The line of a request$([\s\S]*?)^## /m.exec(logs)?.[1] ?? ''
    expect([...fields.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field)).toEqual([...LOG_FIELDS])
  })

  it('shows a line as it is', () => {
    const { level: _, msg, ...shown } = JSON.parse(/```json\n([\s\S]*?)\n```/.exec(logs)?.[1] ?? '')
    expect(Object.keys(LINES)).toContain(msg)
    expect(LOG_FIELDS).toEqual(expect.arrayContaining(Object.keys(shown)))
  })

  it('says what a gateway says besides', () => {
    const source = read('packages/gateway-kit/src/run.ts')
    for (const words of [
      'started, configured by',
      'running requests finish, new ones are held',
      'stopped',
      'log lines dropped',
    ]) {
      expect(logs).toContain(words)
      expect(source).toContain(words)
    }
  })
})

describe('docs/library.md', () => {
  it('shows the test of a gateway that the package documents', () => {
    expect(exampleOf('docs/library.md', 'testing')).toBe(moduleExampleOf('testing/index.ts'))
  })

  it('shows an explanation as it is', () => {
    const library = read('docs/library.md')
    const [example = '', shown = ''] = [
      exampleOf('docs/library.md', 'explain'),
      /```text\n(route 1 [\s\S]*?)```/.exec(library)?.[1],
    ]
    const [, backends = '', routes = ''] = /backends: (\{.*\}),\n {2}routes: (\[.*\]),\n/.exec(example) ?? []
    const select = selectBackend({ backends: parse(backends), routes: parse(routes) })
    const entries = [{ task: 'clip', type: 'textual', model: 'm', options: {} }]
    const explained = select.explain({ classified: true, entries, tasks: ['clip'], input: 'text' })
    expect(explanationText(explained)).toBe(shown)
  })

  it('shows a verdict as it is', () => {
    const example = exampleOf('docs/library.md', 'judge')
    expect(example).toContain(`status: 401`)
    expect(example).toContain(`a fault of the backend: ${reasonOf(401, 'text/html', '<html>')}`)
  })
})

describe.each(['express', 'koa'])('the compose file of the %s gateway', (name) => {
  const compose = parse(read(`examples/${name}-gateway/compose.yaml`), { merge: true })

  it('is the set-up of the seed', () => {
    expect(Object.keys(compose.services)).toEqual(['client', 'router', 'ml-text', 'ml-image', 'ml-default'])
    const { environment, networks } = compose.services.router
    expect(networks.default.aliases).toEqual(['router1', 'router2', 'router3'])
    for (const variable of ['ML_TEXT_URL', 'ML_IMAGE_URL', 'ML_DEFAULT_URL']) {
      const { hostname, port } = new URL(environment[variable])
      expect([Object.keys(compose.services).includes(hostname), port]).toEqual([true, '3003'])
    }
  })

  it('builds what is there', () => {
    for (const { build } of Object.values<{ build?: { dockerfile: string } }>(compose.services)) {
      if (build === undefined) continue
      const dockerfile = read(build.dockerfile)
      const [, main = ''] = /^CMD \["node", "([^"]+)"\]$/m.exec(dockerfile) ?? []
      expect(existsSync(join(ROOT, main))).toBe(true)
      const [, filter = ''] = /--filter "([^."]+)\.\.\."/.exec(dockerfile) ?? []
      expect(JSON.parse(read(join(dirname(build.dockerfile), 'package.json'))).name).toBe(filter)
      expect(dockerfile).toMatch(/^USER node$/m)
      // A fresh clone has no status page, and a copy in the build context could be stale.
      if (build.dockerfile.includes('-gateway/'))
        expect(dockerfile).toMatch(/^COPY --from=page .*page\.generated\.ts /m)
      expect(dockerfile).toMatch(/^HEALTHCHECK /m)
    }
  })
})
