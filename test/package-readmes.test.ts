import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'

const REPOSITORY = 'https://github.com/immich-ml-router/immich-ml-router'
/** Pages that a README may link to before they are written. */
const PLANNED = ['docs/install.md']
const RAW = 'https://raw.githubusercontent.com/immich-ml-router/immich-ml-router/main/'

/** npm shows a package's README by itself, so a relative link would lead nowhere. */
describe.each(globSync('packages/*/README.md', { cwd: ROOT }))('%s', (path) => {
  const readme = readFileSync(join(ROOT, path), 'utf8')
  const targets = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target)

  it('is one page', () => {
    const lines = readme.trimEnd().split('\n').length
    expect(lines).toBeGreaterThanOrEqual(60)
    expect(lines).toBeLessThanOrEqual(150)
  })

  it('has an example that is run as its first code', () => {
    expect(/^(?:<!-- example: .+ -->\n)?```(?:ts|yaml)$/m.exec(readme)?.[0]).toMatch(/^<!-- example: /)
  })

  it('has only absolute links, and those to this repository lead somewhere', () => {
    expect(targets.filter((target) => !target.startsWith('https://'))).toEqual([])
    expect(targets.filter((target) => isOurs(target) && !leadsSomewhere(target))).toEqual([])
  })
})

function isOurs(target: string): boolean {
  return target.startsWith(REPOSITORY) || target.startsWith(RAW)
}

function leadsSomewhere(target: string): boolean {
  const [path = ''] = target
    .replace(RAW, '')
    .replace(new RegExp(`^${REPOSITORY}/(?:blob|tree)/main/`), '')
    .split('#')
  return target === `${REPOSITORY}#readme` || PLANNED.includes(path) || existsSync(join(ROOT, path))
}
