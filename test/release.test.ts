import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BASE, REPOSITORY } from '../docs/.vitepress/repository.ts'
import { releaseNotes } from '../scripts/release-notes.ts'
import { paths, ROOT } from './support/docs.ts'

interface Manifest {
  readonly name: string
  readonly version?: string
  readonly private?: boolean
  readonly description?: string
  readonly keywords?: readonly string[]
  readonly license?: string
  readonly repository?: unknown
  readonly homepage?: unknown
  readonly bugs?: unknown
  readonly publishConfig?: { readonly access?: string }
}

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const manifests = paths('{packages/*,examples/*,test,bench,docs}/package.json').map(
  (path): [string, Manifest] => [dirname(path), JSON.parse(read(path))],
)
const published = manifests.filter(([, manifest]) => manifest.private !== true)

describe('the package.json of a published package', () => {
  it('is that of every directory in packages', () => {
    expect(published.map(([directory]) => directory).sort()).toEqual(paths('packages/*'))
  })

  it.each(published)('says where the sources, docs and issues are: %s', (directory, manifest) => {
    expect(manifest).toMatchObject({
      license: 'MIT',
      homepage: `https://immich-ml-router.github.io${BASE}`,
      bugs: { url: `${REPOSITORY}/issues` },
      // npm rejects provenance for a package whose repository is another than the workflow's.
      repository: { type: 'git', url: `git+${REPOSITORY}.git`, directory },
      publishConfig: { access: 'public' },
    })
  })

  it.each(published)('can be found: %s', (_, { keywords, description }) => {
    expect(keywords).toEqual(expect.arrayContaining(['immich', 'machine-learning', 'router']))
    expect(description?.length).toBeGreaterThan(30)
  })

  it('has the version of the others', () => {
    expect(new Set(published.map(([, { version }]) => version)).size).toBe(1)
  })
})

describe('changesets', () => {
  const config = JSON.parse(read('.changeset/config.json'))

  it('release all published packages together', () => {
    const names = published.map(([, { name }]) => name).sort()
    expect(config).toMatchObject({ access: 'public', baseBranch: 'main', privatePackages: false })
    expect(config.fixed).toEqual([names])
  })
})

describe('release notes', () => {
  const changelog = (name: string, text: string) =>
    `# ${name}\n\n## 1.2.0\n\n${text}\n\n## 1.1.0\n\n- abc: Old\n`

  it('list a change of several packages once, under its most important heading', () => {
    const notes = releaseNotes('1.2.0', [
      changelog('express', '### Patch Changes\n\n- 1a: A fix\n- Updated dependencies [2b]\n  - core@1.2.0'),
      changelog(
        'core',
        '### Minor Changes\n\n- 2b: A feature\n\n  With a paragraph.\n\n### Patch Changes\n\n- 1a: A fix',
      ),
      changelog('koa', '### Patch Changes\n\n- 2b: A feature\n\n  With a paragraph.'),
      changelog('gateway', 'No changes in this release.'),
    ])
    expect(notes).toBe(
      '### Minor Changes\n\n- 2b: A feature\n\n  With a paragraph.\n\n### Patch Changes\n\n- 1a: A fix\n',
    )
  })

  it('exist for the version in the repository', () => {
    const version = published[0]?.[1].version ?? ''
    const files = ['CHANGELOG.md', ...paths('packages/*/CHANGELOG.md')]
    expect(releaseNotes(version, files.map(read))).toContain('- ')
  })

  it('name the version that no changelog has', () => {
    expect(() => releaseNotes('1.2', [changelog('core', '- x')])).toThrow(
      'No CHANGELOG.md has the section "## 1.2". Add it, or check the version.',
    )
  })
})
