import { execFileSync } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../../../test/support/temporary-file.ts'
import { writePage } from '../scripts/page.ts'
import { PAGE } from './page.generated.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

describe('the page', () => {
  it('is one small document that requests nothing from other hosts', () => {
    expect(Buffer.byteLength(PAGE.html)).toBeLessThan(150_000)
    const elsewhere = [...PAGE.html.matchAll(/(?:https?:)?\/\/[\w.-]+\.\w+/g)].map(([url]) => url)
    // The SVG namespace, which is a name and not an address.
    expect([...new Set(elsewhere)]).toEqual(['http://www.w3.org'])
    expect(PAGE.html).not.toMatch(/@import|<link rel="stylesheet"|src=|url\(/)
  })

  it('has one script and one style, and no attributes that its content security policy forbids', () => {
    expect(PAGE.html.match(/<script/g)).toHaveLength(1)
    expect(PAGE.html.match(/<style/g)).toHaveLength(1)
    const [document = ''] = PAGE.html.split('<script')
    expect(document).not.toMatch(/\s(?:style|on\w+)=/)
  })
})

describe('the generated module', () => {
  it('is not in git, so a fresh clone has none', () => {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: PACKAGE, encoding: 'utf8' }).trim()
    expect(git('ls-files', '*.generated.ts')).toBe('')
    expect(git('check-ignore', 'src/page.generated.ts')).toBe('src/page.generated.ts')
  })

  it('is written where it is missing or stale, and not touched where it is up to date', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'page.generated.ts')
    const write = () => writePage(pathToFileURL(file))
    await write()
    const text = await readFile(file, 'utf8')
    expect(text).toContain(PAGE.scriptHash)
    const { mtimeNs } = await stat(file, { bigint: true })
    await write()
    expect((await stat(file, { bigint: true })).mtimeNs).toBe(mtimeNs)
    await writeFile(file, text.replace(PAGE.scriptHash, 'sha256-old'))
    await write()
    expect(await readFile(file, 'utf8')).toBe(text)
  })
})
