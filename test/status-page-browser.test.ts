import { readFileSync } from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { type StatusPageOptions, statusPage } from '@immich-ml-router/status-page'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect, onTestFinished } from 'vitest'
import { closeBrowserAfterAll, visit } from './support/browser.ts'
import { post } from './support/client.ts'
import { imageBytes, immichBody, multipart } from './support/predict-body.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const it = itNeeds('chromium')
closeBrowserAfterAll()

const search = immichBody('textSearch', 'cat')
const ocr = immichBody('ocr', imageBytes(1_000))
const TOKEN = 'open-sesame'

async function serve(options: RouterOptions, pageOptions: StatusPageOptions = {}) {
  const router = createRouter({ heartbeat: false, hold: false, ...options })
  const page = statusPage(router, pageOptions)
  onTestFinished(() => router.close({ timeout: 0 }))
  const { url, server } = await listen((req, res) => page(req, res, () => router.handle(req, res)))
  return { router, url, server, address: `${url}/_router` }
}

/** A GPU machine that is down, for which OCR waits, and a NAS that takes over its searches. */
async function scene(pageOptions: StatusPageOptions = {}) {
  const [gpu, nas] = [await stubMl({ fault: 'refuse' }), await stubMl()]
  const served = await serve(
    {
      health: { interval: '100ms' },
      backends: { gpu: { url: gpu.url, maxConcurrent: 4 }, nas: { url: nas.url, maxConcurrent: 2 } },
      routes: [
        { name: 'search', match: { task: 'clip' }, backends: ['gpu', 'nas'], strategy: 'first' },
        { name: 'the rest', backends: ['gpu'], hold: '12h' },
      ],
    },
    pageOptions,
  )
  const { url, router } = served
  await post(url, search)
  await until(() => router.status().backends[0]?.health.probe?.kind === 'down', 'it is down')
  for (let i = 0; i < 3; i++) await post(url, search)
  const leaving = new AbortController()
  const held = [post(url, ocr, { signal: leaving.signal }), post(url, ocr, { signal: leaving.signal })]
  for (const request of held) request.catch(() => {})
  onTestFinished(() => leaving.abort())
  await until(() => router.status().held['the rest'] === 2, 'both wait')
  return { ...served, gpu, nas }
}

/** What somebody reads there, in one line. */
async function textOf(page: Page, selector: string): Promise<string> {
  const [first = ''] = await textsOf(page, selector)
  return first
}

/** The same of each element that fits. */
async function textsOf(page: Page, selector: string): Promise<string[]> {
  const texts = await page.locator(selector).allInnerTexts()
  return texts.map((text) => text.replaceAll(/\s+/g, ' ').trim())
}

/** The violations that axe finds, in words. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const results = await page.evaluate<AxeResults>('axe.run({ resultTypes: ["violations"] })')
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

describe('the status page in a browser', () => {
  it('shows what happens, and what happened before', async () => {
    const { address } = await scene()
    const { page, complaints, asked } = await visit(address)
    await until(async () => (await textOf(page, '#verdict')) === 'gpu is down.', 'the verdict is there')
    expect(await textOf(page, '#remark')).toMatch(
      /^2 requests wait\. 4 requests in the .* 1 of them needed another/,
    )
    expect(await textsOf(page, '#figures > div')).toEqual([
      expect.stringMatching(/^Requests a second 0\.\d+/),
      'Answered 100% of 4',
      expect.stringMatching(/^Text search [\d.]+ ms 95% within [\d.]+ m?s$/),
      'Images – none yet',
      'Under way 2 0 with a backend',
      expect.stringMatching(/^Waiting 2 for up to [\d.]+ m?s$/),
    ])
    const [gpu, nas] = await textsOf(page, '.station')
    expect(gpu).toMatch(
      /^gpu Down .*No answer to probes for .*: connection refused\. 2 wait for it\. 0 of 4 in flight/,
    )
    expect(nas).toMatch(
      /^nas Well 100% of the traffic 0 of 2 in flight Text search ViT-B-32__openai [\d.]+ ms http/,
    )
    const waiters = await textsOf(page, '.waiters tbody tr')
    expect(waiters).toHaveLength(2)
    expect(waiters[0]).toMatch(/^[\d.]+ m?s OCR PP-OCRv5_mobile the rest from 127\.0\.0\.1 a backend$/)
    expect(await textsOf(page, '#decisions summary')).toEqual([
      ...Array.from({ length: 3 }, () => expect.stringMatching(/ Answered Text search .* nas [\d.]+ ms$/)),
      expect.stringMatching(/ Answered by another Text search .* gpu → nas [\d.]+ ms$/),
    ])
    expect(complaints).toEqual([])
    expect(new Set(asked.map((it) => new URL(it).origin))).toEqual(new Set([new URL(address).origin]))
  })

  it('follows what happens, without being asked', async () => {
    const { address, url, gpu, router } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('.waiters tbody tr')
    await gpu.setFault(undefined)
    await until(() => router.status().active === 0, 'those who waited are served')
    await until(async () => (await textOf(page, '#waiting')).startsWith('Nothing waits'), 'nothing waits')
    await until(async () => (await textOf(page, '#verdict')) === 'Both backends are well.', 'both are well')
    await post(url, search)
    await until(async () => (await page.locator('#decisions > li').count()) === 7, 'all are there')
  })

  it('opens a decision to its attempts, by keyboard, and stands still meanwhile', async () => {
    const { address, url } = await scene()
    const { page } = await visit(address)
    await page.locator('#decisions summary').last().focus()
    await page.keyboard.press('Enter')
    expect(await textsOf(page, '.attempts tbody tr')).toEqual([
      expect.stringMatching(/^gpu: no connection – – [\d.]+ ms$/),
      expect.stringMatching(/^nas: answered 200 [\d.]+ ms [\d.]+ ms [\d.]+ ms$/),
    ])
    expect(await textOf(page, '.inside')).toMatch(/Route search Client 127\.0\.0\.1 Status 200/)
    await post(url, search)
    await until(
      async () => (await textOf(page, '#decisions-tools button')) === 'Go on (1 newer)',
      'one is newer',
    )
    expect(await page.locator('#decisions > li').count()).toBe(4)
    await page.keyboard.press('Enter')
    await until(async () => (await page.locator('#decisions > li').count()) === 5, 'it goes on')
  })

  it('shows only what went wrong, when asked to', async () => {
    const { address } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('#decisions > li')
    await page.getByLabel('Only what went wrong').check()
    expect(await page.locator('#decisions > li').count()).toBe(1)
    expect(await textOf(page, '#decisions-note')).toBe('One so far')
  })

  it('drains with the token, and is refused without it', async () => {
    const { address, router } = await scene({ adminToken: TOKEN })
    const { page } = await visit(address)
    const enabled = () => router.status().backends[1]?.health.enabled
    await page.getByRole('button', { name: 'Drain nas' }).click()
    const dialog = page.getByRole('dialog', { name: 'Admin token' })
    await dialog.getByLabel('Token').fill('guessed')
    await page.keyboard.press('Enter')
    await dialog.getByText('This token was refused.').waitFor()
    expect(enabled()).toBe(true)
    await dialog.getByLabel('Token').fill(TOKEN)
    await dialog.getByRole('button', { name: 'Go on' }).click()
    await page.getByText('nas gets nothing more.').waitFor()
    expect(enabled()).toBe(false)
    await until(async () => (await textOf(page, '#verdict')) === 'No backend can be used.', 'it is seen')
    await page.getByRole('button', { name: 'Enable nas' }).click()
    await page.getByText('nas gets requests again.').waitFor()
    expect(enabled()).toBe(true)
    await page.getByRole('button', { name: 'Forget the token' }).click()
    await page.getByRole('button', { name: 'Drain nas' }).click()
    await dialog.waitFor()
    await page.keyboard.press('Escape')
    expect([enabled(), await dialog.isVisible()]).toEqual([true, false])
  })

  it('without a token has no buttons for it', async () => {
    const { address } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('.station')
    expect(await page.getByRole('button', { name: /Drain|Enable|Wake/ }).count()).toBe(0)
    expect(await textOf(page, '#footer')).toMatch(/^This page only shows/)
  })

  it('wakes a machine', async () => {
    const woken: string[] = []
    const { address } = await serve(
      { backends: { gpu: { url: (await stubMl()).url } }, onUnavailable: ({ name }) => woken.push(name) },
      { adminToken: TOKEN },
    )
    const { page } = await visit(address)
    await page.getByRole('button', { name: 'Wake gpu' }).click()
    await page.getByRole('textbox', { name: 'Token' }).fill(TOKEN)
    await page.keyboard.press('Enter')
    await page.getByText('gpu was sent the sign to wake up.').waitFor()
    expect(woken).toEqual(['gpu'])
  })

  it('takes what a client has sent for text', async () => {
    const evil = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    const stub = await stubMl()
    const { address, url } = await serve({ backends: { gpu: { url: stub.url } } })
    const entries = JSON.stringify({ [evil]: { [evil]: { modelName: evil } } })
    await post(
      url,
      multipart([
        { header: 'entries', content: entries },
        { header: 'text', content: 'cat' },
      ]),
    )
    const { page, complaints } = await visit(address)
    await page.locator('#decisions summary').click()
    expect(await textOf(page, '#decisions summary')).toContain(evil)
    expect(await textOf(page, '.inside')).toContain(evil)
    expect(await textOf(page, '.station')).toContain(evil)
    expect(await page.locator('img, main script').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  it('says when the router is gone, and comes back with it', async () => {
    const stub = await stubMl()
    const { address, server, router } = await serve({ backends: { gpu: { url: stub.url } } })
    const { page } = await visit(address)
    await until(async () => (await textOf(page, '#link')) === 'Live', 'it is live')
    const { port } = new URL(address)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await until(async () => /^Last update .* ago$/.test(await textOf(page, '#link')), 'it is lost')
    expect(await textOf(page, '#lost')).toMatch(/^The router does not answer/)
    expect(await textOf(page, '#verdict')).toBe('gpu is well.')
    const again = statusPage(router)
    const successor = http.createServer((req, res) => again(req, res))
    onTestFinished(() => {
      successor.closeAllConnections()
      successor.close()
    })
    successor.listen(Number(port), '127.0.0.1')
    await until(async () => (await textOf(page, '#link')) === 'Live', 'it is live again')
    expect(await page.locator('#lost').isVisible()).toBe(false)
  })

  it('says what to do while no request has come', async () => {
    const stub = await stubMl()
    const { address, url } = await serve({ backends: { gpu: { url: stub.url } } })
    const { page } = await visit(address)
    await page.getByText('No request has come yet').waitFor()
    expect(await textOf(page, '#start-here code')).toBe(url)
    await post(url, search)
    await until(async () => !(await page.locator('#start-here').isVisible()), 'it is no news any more')
  })

  it('shows each address of a name that has many', async () => {
    const stub = await stubMl()
    const { port } = new URL(stub.url)
    const { address, url } = await serve({
      backends: { ml: { url: `http://ml.test:${port}`, discover: 'dns' } },
      health: { interval: '100ms' },
      resolver: {
        addresses: async () => ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, ttl: 60 })),
        services: async () => [],
      },
    })
    await post(url, search)
    const { page } = await visit(address)
    await page.waitForSelector('.endpoints li')
    expect(await textOf(page, '.endpoints li')).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port} Well`))
    await until(
      async () => (await textOf(page, '.station .why')) === '1 of 2 endpoints are well.',
      'one is down',
    )
    expect((await textsOf(page, '.endpoints li'))[1]).toMatch(/^127\.0\.0\.2:\d+ Down .* connection refused$/)
  })

  it("writes numbers as the browser's user does", async () => {
    const { address } = await scene()
    const { page } = await visit(address, { locale: 'de-DE' })
    await page.waitForSelector('.waiters tbody tr')
    expect((await textsOf(page, '#figures dd'))[1]).toMatch(/^100 %/)
  })

  it('can be read by keyboard: a way past the top, the plots by time, the theme', async () => {
    const { address } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('.waiters tbody tr')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('content')
    const plot = page.getByRole('slider', { name: 'Throughput, by time' })
    await plot.focus()
    expect(await plot.getAttribute('aria-valuetext')).toMatch(
      /^0\.\d+ requests a second now; .* answered 3, answered by another 1\.$/,
    )
    await page.keyboard.press('ArrowLeft')
    expect(await plot.getAttribute('aria-valuetext')).toMatch(/^\d+:\d+:\d+.*: Answered [\d.]+\/s/)
    await page.keyboard.press('Home')
    expect(await plot.getAttribute('aria-valuenow')).toBe('-89')
    await page.getByLabel('Auto').focus()
    await page.keyboard.press('ArrowRight')
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('light')
    await page.reload()
    expect(await page.getByLabel('Light').isChecked()).toBe(true)
  })
})

describe('the status page is accessible', () => {
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

    it(`while nothing has come, when it is ${colorScheme}`, async () => {
      const { address } = await serve({ backends: { gpu: { url: (await stubMl()).url } } })
      const { page } = await visit(address, { colorScheme, reducedMotion: 'reduce' })
      await page.getByText('No request has come yet').waitFor()
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

  it('without anything that moves, for those who want that', async () => {
    const { address } = await scene()
    const { page } = await visit(address, { reducedMotion: 'reduce' })
    await page.waitForSelector('[data-link=live] .beacon')
    expect(await page.evaluate('document.getAnimations().length')).toBe(0)
  })
})
