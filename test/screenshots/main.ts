import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'
import { ROOT } from '../support/docs.ts'
import { CHROMIUM } from '../support/tools.ts'
import { play, SCENES, type SceneName } from './scenes.ts'

const USAGE = `usage: npm run screenshots -- [options]
  --scene NAME     ${SCENES.join(', ')}; all when not given, may be given several times
  --factor NUMBER  so many times faster than life; 8 when not given, and less on a machine that is busy
  --keep           some go into docs/images`

const { values } = parseArgs({
  options: {
    scene: { type: 'string', multiple: true, default: [...SCENES] },
    factor: { type: 'string', default: '8' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const scenes = SCENES.filter((name) => values.scene.includes(name))
const factor = Number(values.factor)
if (values.help || scenes.length !== values.scene.length || !(factor > 0)) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}

/** The pictures of the docs, by the names under which they are kept there. */
const KEPT = {
  'status-busy-desktop-light': 'busy-desktop-light-top',
  'status-broken-desktop-dark': 'broken-desktop-dark-top',
  'status-decision-desktop-light': 'decision-desktop-light',
}
const DEVICES = {
  desktop: { viewport: { width: 1280, height: 1200 }, deviceScaleFactor: 1 },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5 },
} as const

const out = join(ROOT, 'node_modules/.cache/screenshots')
mkdirSync(out, { recursive: true })
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
for (const name of scenes) await shoot(browser, name)
await browser.close()
console.log(out)
if (values.keep) {
  const docs = join(ROOT, 'docs/images')
  mkdirSync(docs, { recursive: true })
  for (const [kept, name] of Object.entries(KEPT))
    copyFileSync(join(out, `${name}.png`), join(docs, `${kept}.png`))
}

async function shoot(browser: Browser, name: SceneName): Promise<void> {
  const scene = await play(name, factor)
  for (const [device, screen] of Object.entries(DEVICES)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ ...screen, colorScheme, locale: 'en-GB', reducedMotion: 'reduce' })
      await page.goto(scene.url)
      await page.waitForSelector('[data-link=live] .station')
      const height = await page.evaluate<number>('document.documentElement.scrollHeight')
      console.log(`${name}, ${device}, ${colorScheme}: ${height} px high`)
      await page.screenshot({ path: pathOf(name, device, colorScheme, 'top') })
      await page.screenshot({ path: pathOf(name, device, colorScheme), fullPage: true })
      if (name === 'broken' && device === 'desktop')
        await shootDecision(page, pathOf('decision', device, colorScheme))
      await page.close()
    }
  }
  await scene.close()
}

/** One request that another backend has answered, with its attempts. */
async function shootDecision(page: Page, path: string): Promise<void> {
  await page.getByLabel('Outcome').selectOption('Problems')
  const more = page.getByRole('button', { name: /^Show all [\d,]+$/ })
  if (await more.isVisible()) await more.click()
  const row = page.locator('[data-fate=rescued]').first()
  await row.locator('summary').click()
  await row.screenshot({ path })
}

function pathOf(...parts: readonly string[]): string {
  return join(out, `${parts.join('-')}.png`)
}
