import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createProgram } from '../packages/gateway/src/program.ts'
import { ROOT } from './support/docs.ts'

const page = readFileSync(join(ROOT, 'docs/commands.md'), 'utf8')
const readme = readFileSync(join(ROOT, 'packages/gateway/README.md'), 'utf8')
const { commands } = createProgram()

it('docs/commands.md and the README have every command', () => {
  expect(commands.length).toBeGreaterThan(5)
  for (const text of [page, readme]) {
    const names = [...text.matchAll(/^\| `immich-ml-router \[?([\w-]+)\]?/gm)].map(([, name]) => name)
    expect(names).toEqual(['run', 'init', 'check', 'explain', 'status', 'warm-cache', 'health', 'demo'])
  }
  expect(commands.map((command) => command.name()).sort()).toEqual(
    ['check', 'demo', 'explain', 'health', 'init', 'run', 'status', 'warm-cache'].sort(),
  )
})

it('docs/commands.md has every flag of init, check and status', () => {
  for (const command of commands.filter((it) => ['check', 'init', 'status'].includes(it.name())))
    for (const { long } of command.options) expect(page).toContain(`${long}`)
})
