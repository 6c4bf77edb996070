import { execFile } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'node-html-parser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BASE, REPOSITORY } from '../docs/.vitepress/repository.ts'
import { paths, ROOT } from './support/docs.ts'
import { makeDirectory, removeDirectory } from './support/temporary-file.ts'

const exec = promisify(execFile)
const vitepress = join(ROOT, 'docs/node_modules/vitepress/bin/vitepress.js')

interface Page {
  readonly links: readonly string[]
  readonly sources: readonly string[]
  readonly ids: ReadonlySet<string>
  readonly sidebar: readonly string[]
  readonly diagrams: number
}

let site: string
const pages = new Map<string, Page>()

beforeAll(async () => {
  site = await makeDirectory()
  await exec(process.execPath, [vitepress, 'build', 'docs', '--outDir', site, '--minify', 'false'], {
    cwd: ROOT,
  })
  for (const name of paths('**/*.html', site).filter((path) => !path.startsWith('api/')))
    pages.set(name, read(await readFile(join(site, name), 'utf8')))
}, 180_000)

afterAll(() => removeDirectory(site))

function read(html: string): Page {
  const document = parse(html)
  const values = (selector: string, name: string) =>
    document.querySelectorAll(selector).map((element) => element.getAttribute(name) ?? '')
  return {
    links: values('a[href]', 'href'),
    sources: [...values('[src]', 'src'), ...values('link[href]', 'href')],
    ids: new Set(values('[id]', 'id')),
    sidebar: values('.VPSidebar a[href]', 'href'),
    diagrams: document.querySelectorAll('.diagram svg').length,
  }
}

/** The file of the site that a path leads to, as GitHub Pages finds it. */
function fileOf(path: string): string | undefined {
  const name = path.slice(BASE.length)
  return [name, `${name}.html`, `${name}index.html`].find(
    (file) => file !== '' && existsSync(join(site, file)) && statSync(join(site, file)).isFile(),
  )
}

describe('the docs site', () => {
  it('has a page for every document', () => {
    const documents = paths(['*.md', '{benchmarks,decisions}/*.md'], join(ROOT, 'docs'))
    const expected = documents.map((name) => name.replace('README', 'index').replace('.md', '.html'))
    expect([...pages.keys()].sort()).toEqual([...expected, '404.html'].sort())
  })

  it('lists every page in the sidebar', () => {
    const listed = pages.get('install.html')?.sidebar.map(fileOf)
    const missing = [...pages.keys()].filter((name) => !listed?.includes(name))
    expect(missing.sort()).toEqual(['404.html', 'index.html'])
  })

  it('has no dead link', () => {
    const dead = [...pages].flatMap(([name, { links }]) =>
      links.filter((link) => !leadsSomewhere(link, name)).map((link) => `${name}: ${link}`),
    )
    expect(dead).toEqual([])
  })

  it('loads nothing from other hosts', () => {
    const sources = [...pages.values()].flatMap((page) => page.sources)
    expect(sources.filter((source) => !source.startsWith(BASE) && !source.startsWith('data:'))).toEqual([])
    expect(sources.filter((source) => source.startsWith(BASE) && fileOf(source) === undefined)).toEqual([])
  })

  it('loads no style from other hosts', async () => {
    for (const name of paths('assets/**/*.css', site))
      expect(await readFile(join(site, name), 'utf8'), name).not.toMatch(/url\(["']?(https?:)?\/\//)
  })

  it('draws the diagrams', () => {
    expect(pages.get('index.html')?.diagrams).toBe(1)
  })
})

function leadsSomewhere(link: string, page: string): boolean {
  const { origin, pathname, hash, href } = new URL(link, `http://site${BASE}${page}`)
  if (href.startsWith(`${REPOSITORY}/`)) return isInRepository(pathname)
  if (origin !== 'http://site') return true
  // `npm run docs` writes the API reference, not this build.
  if (pathname.startsWith(`${BASE}api/`)) return true
  const file = fileOf(pathname)
  if (file === undefined || hash === '') return file !== undefined
  return pages.get(file)?.ids.has(decodeURIComponent(hash.slice(1))) ?? false
}

/** A path such as `/owner/name/blob/main/README.md`: `blob` is for a file, `tree` for a directory. */
function isInRepository(path: string): boolean {
  const [, , , kind = '', , ...names] = path.split('/')
  const file = join(ROOT, ...names.map(decodeURIComponent))
  return existsSync(file) && statSync(file).isDirectory() === (kind === 'tree')
}
