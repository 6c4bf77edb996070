import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { pageModule } from '../../scripts/page.ts'
import { PAGE } from './page.generated.ts'

describe('the page', () => {
  it('is what its sources make; otherwise `npm run docs` makes it anew', async () => {
    const written = await readFile(new URL('page.generated.ts', import.meta.url), 'utf8')
    expect(written).toBe(await pageModule())
  })

  it('is one small document that asks nobody else for anything', () => {
    expect(Buffer.byteLength(PAGE.html)).toBeLessThan(100_000)
    const elsewhere = [...PAGE.html.matchAll(/(?:https?:)?\/\/[\w.-]+\.\w+/g)].map(([url]) => url)
    // The names of SVG, which nobody fetches.
    expect([...new Set(elsewhere)]).toEqual(['http://www.w3.org'])
    expect(PAGE.html).not.toMatch(/@import|<link rel="stylesheet"|src=|url\(/)
  })

  it('has one script and one style, and nothing in attributes that its policy forbids', () => {
    expect(PAGE.html.match(/<script/g)).toHaveLength(1)
    expect(PAGE.html.match(/<style/g)).toHaveLength(1)
    const [document = ''] = PAGE.html.split('<script')
    expect(document).not.toMatch(/\s(?:style|on\w+)=/)
  })
})
