import { expect } from 'vitest'
import { visit } from './support/browser.ts'
import { it, scene, search } from './support/browser-scene.ts'
import { post } from './support/client.ts'
import { until } from './support/servers.ts'

it('the status page is less than 1,500 px high on a phone until something is opened', async () => {
  const { address, url } = await scene()
  for (let i = 0; i < 30; i++) await post(url, search)
  const { page } = await visit(address, { viewport: { width: 390, height: 844 } })
  await until(async () => (await page.locator('#decisions > li').count()) === 5, 'five requests show')
  expect(await page.evaluate<number>('document.documentElement.scrollHeight')).toBeLessThan(1_500)
  await page.getByRole('button', { name: 'Filter' }).click()
  await page.getByLabel('Outcome').selectOption('Answered after retry')
  expect(await page.locator('#decisions > li').count()).toBe(1)
})
