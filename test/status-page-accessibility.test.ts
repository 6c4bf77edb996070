import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'
import { visit } from './support/browser.ts'
import { it, scene, serve, TOKEN } from './support/browser-scene.ts'
import { stubMl } from './support/servers.ts'

/** The violations that axe finds. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const results = await page.evaluate<AxeResults>('axe.run({ resultTypes: ["violations"] })')
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// On a busy machine, Chromium sometimes does not answer.
describe('the status page is accessible', { retry: 1 }, () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    it(`with a request open, and the dialog, when it is ${colorScheme}`, async () => {
      const { address } = await scene({ adminToken: TOKEN })
      const { page } = await visit(address, { colorScheme, reducedMotion: 'reduce' })
      await page.locator('#decisions summary').last().click()
      expect(await violationsOf(page)).toEqual([])
      await page.getByRole('button', { name: 'Drain nas' }).click()
      await page.getByRole('dialog').waitFor()
      expect(await violationsOf(page)).toEqual([])
    })

    it(`before the first request, when it is ${colorScheme}`, async () => {
      const { address } = await serve({ backends: { gpu: { url: (await stubMl()).url } } })
      const { page } = await visit(address, { colorScheme, reducedMotion: 'reduce' })
      await page.getByText('No requests yet').waitFor()
      expect(await violationsOf(page)).toEqual([])
    })
  }

  for (const width of [320, 390, 768, 1280]) {
    it(`at ${width} px, without scrolling sideways`, async () => {
      const { address } = await scene({ adminToken: TOKEN })
      const { page } = await visit(address, { viewport: { width, height: 800 } })
      await page.locator('#decisions summary').last().click()
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    })
  }

  it('without motion, when the system asks for that', async () => {
    const { address } = await scene()
    const { page } = await visit(address, { reducedMotion: 'reduce' })
    await page.waitForSelector('[data-link=live] .beacon')
    expect(await page.evaluate('document.getAnimations().length')).toBe(0)
  })
})
