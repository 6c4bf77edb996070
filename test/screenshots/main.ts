import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Browser, chromium } from 'playwright-core'
import { play, type SceneName } from './scenes.ts'

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'docs/images' },
    factor: { type: 'string', default: '10' },
    scene: { type: 'string', multiple: true, default: ['idle', 'busy', 'broken'] },
  },
})
mkdirSync(values.out, { recursive: true })
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
for (const name of values.scene) await picture(browser, name as SceneName)
await browser.close()

async function picture(browser: Browser, name: SceneName): Promise<void> {
  const scene = await play(name, Number(values.factor))
  for (const [device, width, height, scale] of [
    ['desktop', 1280, 1500, 1],
    ['phone', 390, 2200, 1],
  ] as const) {
    for (const theme of ['light', 'dark'] as const) {
      const page = await browser.newPage({
        viewport: { width, height },
        deviceScaleFactor: scale,
        colorScheme: theme,
        locale: 'en-GB',
        reducedMotion: 'reduce',
      })
      page.on('console', (m) => console.log(m.type(), m.text()))
      page.on('pageerror', (m) => console.log('pageerror', m))
      await page.goto(scene.url)
      await page.waitForSelector('[data-link=live] .station')
      await page.waitForTimeout(1000)
      await page.screenshot({ path: `${values.out}/${name}-${device}-${theme}.png` })
      if (name === 'broken') {
        await page.getByLabel('Only what went wrong').check()
        const more = page.getByRole('button', { name: 'Show all' })
        if (await more.isVisible()) await more.click()
        const row = page.locator('[data-fate=rescued]').first()
        await row.locator('summary').click()
        await row.screenshot({ path: `${values.out}/decision-${device}-${theme}.png` })
      }
      await page.close()
    }
  }
  await scene.close()
}
