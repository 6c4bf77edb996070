import http from 'node:http'
import { immichBody } from '@immich-ml-router/core/testing'
import { statusPage } from '@immich-ml-router/status-page'
import type { Page } from 'playwright-core'
import { describe, expect, onTestFinished } from 'vitest'
import { visit } from './support/browser.ts'
import { it, scene, search, serve, TOKEN } from './support/browser-scene.ts'
import { post } from './support/client.ts'
import { stubMl, until } from './support/servers.ts'

/** The visible text of the first element, on one line. */
async function textOf(page: Page, selector: string): Promise<string> {
  const [first = ''] = await textsOf(page, selector)
  return first
}

/** The visible text of each element. */
async function textsOf(page: Page, selector: string): Promise<string[]> {
  const texts = await page.locator(selector).allInnerTexts()
  return texts.map((text) => text.replaceAll(/\s+/g, ' ').trim())
}

// On a busy machine, Chromium sometimes does not answer.
describe('the status page in a browser', { retry: 1 }, () => {
  it('shows the current state and the recorded requests', async () => {
    const { address } = await scene()
    const { page, complaints, asked } = await visit(address)
    const verdict = 'gpu is down: connection refused; start the ML server.'
    await until(async () => (await textOf(page, '#verdict')) === verdict, 'the verdict shows')
    expect(await textsOf(page, '#figures > div')).toEqual([
      expect.stringMatching(/^Jobs per second [\d.]+ [\d.]+ in 15 min$/),
      'Answered 100% 100% in 15 min',
      'At a backend 0 now',
      expect.stringMatching(/^Waiting 2 now, for up to [\d.]+ m?s$/),
    ])
    expect(await textsOf(page, '#busy tbody tr')).toEqual([
      expect.stringMatching(/^gpu down <?[\d.]+%$/),
      expect.stringMatching(/^nas <?[\d.]+% <?[\d.]+%$/),
    ])
    expect(await textsOf(page, '#latency tbody tr')).toEqual([
      expect.stringMatching(/^Text search [\d.]+ m?s [\d.]+ m?s [\d.]+ m?s$/),
      expect.stringMatching(/^OCR – waits [\d.]+ m?s –$/),
    ])
    expect(await textOf(page, '#run-title')).toBe('No import yet')
    const [gpu, nas] = await textsOf(page, '.station')
    expect(gpu).toMatch(
      /^gpu Down No answer to probes for .*: connection refused\. 2 held jobs could use it\. 0 of 4 in flight Errors 1 × connection failed in the last minute Waiting 2 held Last failure connection failed/,
    )
    expect(nas).toMatch(
      /^nas Healthy <?[\d.]+% busy [\d,]+ jobs\/min 100% of the jobs of the last minute 0 of 2 in flight Duration at this backend, without waiting in the router Job, without waiting median p95 p95, 15 min Text search [\d.]+ ms [\d.]+ ms [\d.]+ ms Busy .* Models ViT-B-32__openai Address http/,
    )
    const waiters = await textsOf(page, '.waiters tbody tr')
    expect(waiters).toHaveLength(2)
    expect(waiters[0]).toMatch(
      /^[\d.]+ m?s Text recognition \(OCR\) PP-OCRv5_mobile the rest from 127\.0\.0\.1 held: no backend available$/,
    )
    expect(await textsOf(page, '#decisions summary')).toEqual([
      ...Array.from({ length: 3 }, () => expect.stringMatching(/ Answered Text search .* nas [\d.]+ ms$/)),
      expect.stringMatching(/ Answered after retry Text search .* gpu → nas [\d.]+ ms$/),
    ])
    expect(complaints).toEqual([])
    expect(new Set(asked.map((it) => new URL(it).origin))).toEqual(new Set([new URL(address).origin]))
  })

  it('updates by itself', async () => {
    const { address, url, gpu, router } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('.waiters tbody tr')
    await gpu.setFault(undefined)
    await until(() => router.status().active === 0, 'the held requests are served')
    await until(
      async () => (await textOf(page, '#waiting')).startsWith('No requests are waiting'),
      'no request waits',
    )
    await until(
      async () => (await textOf(page, '#verdict')) === 'Both backends are healthy.',
      'both are healthy',
    )
    await post(url, search)
    await until(async () => (await page.locator('#decisions > li').count()) === 7, 'all requests show')
  })

  it('opens a request by keyboard, and pauses the list', async () => {
    const { address, url } = await scene()
    const { page } = await visit(address)
    await page.locator('#decisions summary').last().focus()
    await page.keyboard.press('Enter')
    expect(await textsOf(page, '.attempts tbody tr')).toEqual([
      expect.stringMatching(/^gpu: connection failed – – [\d.]+ ms$/),
      expect.stringMatching(/^nas: answered 200 [\d.]+ ms [\d.]+ ms [\d.]+ ms$/),
    ])
    expect(await textOf(page, '.inside')).toMatch(/Route search Client 127\.0\.0\.1 Status 200/)
    await post(url, search)
    await until(
      async () => (await textOf(page, '#decisions-tools > button:last-child')) === 'Resume (1 newer)',
      'the list is paused',
    )
    expect(await page.locator('#decisions > li').count()).toBe(4)
    await page.keyboard.press('Enter')
    await until(async () => (await page.locator('#decisions > li').count()) === 5, 'the list resumes')
  })

  it('filters by outcome and job, and keeps that in its address', async () => {
    const { address } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('#decisions > li')
    await page.getByLabel('Outcome').selectOption('Problems')
    expect(await page.locator('#decisions > li').count()).toBe(1)
    expect(await textOf(page, '#decisions-result')).toBe('1 request fits')
    await page.getByLabel('Job', { exact: true }).selectOption('Faces')
    expect(await textOf(page, '#decisions-result')).toBe('No problems.')
    expect(new URL(page.url()).hash).toBe('#job=faces&outcome=problems')
    await page.reload()
    await page.waitForSelector('[data-link=live]')
    expect(await page.getByLabel('Job', { exact: true }).inputValue()).toBe('faces')
    await page.getByLabel('Job', { exact: true }).selectOption('All jobs')
    await page.waitForSelector('#decisions > li')
    expect(await page.locator('#decisions > li').count()).toBe(1)
  })

  it('drains with the right token only', async () => {
    const { address, router } = await scene({ adminToken: TOKEN })
    const { page } = await visit(address)
    const enabled = () => router.status().backends[1]?.health.enabled
    await page.getByRole('button', { name: 'Drain nas' }).click()
    const dialog = page.getByRole('dialog', { name: 'Admin token' })
    await dialog.getByLabel('Token').fill('guessed')
    await page.keyboard.press('Enter')
    await dialog.getByText('Wrong token.').waitFor()
    expect(enabled()).toBe(true)
    await dialog.getByLabel('Token').fill(TOKEN)
    await dialog.getByRole('button', { name: 'Continue' }).click()
    await page.getByText('nas gets no new requests.').waitFor()
    expect(enabled()).toBe(false)
    await until(
      async () => (await textOf(page, '#verdict')).startsWith('No backend is available: gpu is down'),
      'the verdict follows',
    )
    await page.getByRole('button', { name: 'Enable nas' }).click()
    await page.getByText('nas gets requests again.').waitFor()
    expect(enabled()).toBe(true)
    await page.getByRole('button', { name: 'Forget the token' }).click()
    await page.getByRole('button', { name: 'Drain nas' }).click()
    await dialog.waitFor()
    await page.keyboard.press('Escape')
    expect([enabled(), await dialog.isVisible()]).toEqual([true, false])
  })

  it('has no buttons without an admin token', async () => {
    const { address } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('.station')
    expect(await page.getByRole('button', { name: /Drain|Enable|Wake/ }).count()).toBe(0)
    expect(await textOf(page, '#footer')).toMatch(/^immich-ml-router [\d.]+, up for .*\. Read-only\./)
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
    await page.getByText('gpu is being woken.').waitFor()
    expect(woken).toEqual(['gpu'])
  })

  it('shows data of clients as text', async () => {
    const evil = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    const stub = await stubMl()
    const { address, url } = await serve({ backends: { gpu: { url: stub.url } } })
    await post(url, immichBody({ [evil]: { [evil]: { modelName: evil } } }, 'cat'))
    const { page, complaints } = await visit(address)
    await page.locator('#decisions summary').click()
    expect(await textOf(page, '#decisions summary')).toContain(evil)
    expect(await textOf(page, '.inside')).toContain(evil)
    expect(await textOf(page, '.station')).toContain(evil)
    expect(await page.locator('img, main script').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  it('shows a lost connection, and reconnects', async () => {
    const stub = await stubMl()
    const { address, server, router } = await serve({ backends: { gpu: { url: stub.url } } })
    const { page } = await visit(address)
    await until(async () => (await textOf(page, '#link')) === 'Live', 'it is live')
    const { port } = new URL(address)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await until(async () => /^Last update .* ago$/.test(await textOf(page, '#link')), 'it is lost')
    expect(await textOf(page, '#lost')).toMatch(/^The router does not answer/)
    expect(await textOf(page, '#verdict')).toBe('gpu is healthy.')
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

  it('shows instructions until the first request', async () => {
    const stub = await stubMl()
    const { address, url } = await serve({ backends: { gpu: { url: stub.url } } })
    const { page } = await visit(address)
    await page.getByText('No requests yet').waitFor()
    // The server of the test listens on the loopback address.
    expect(await textOf(page, '#start-here code')).toBe(`http://localhost:${new URL(url).port}`)
    expect(await textOf(page, '#start-here')).toContain('Set HOST=0.0.0.0 to listen on every address.')
    expect(await page.getByRole('button', { name: 'Send a test search' }).isVisible()).toBe(false)
    await post(url, search)
    await until(async () => !(await page.locator('#start-here').isVisible()), 'the instructions are hidden')
  })

  it('sends a test search and a test image, and shows their way', async () => {
    const [refusing, good] = [await stubMl({ fault: 'refuse' }), await stubMl()]
    const { address } = await serve(
      {
        health: false,
        backends: { gpu: { url: refusing.url }, nas: { url: good.url } },
        routes: [{ name: 'all', backends: ['gpu', 'nas'], strategy: 'first' }],
      },
      { adminToken: TOKEN },
    )
    const { page, complaints } = await visit(address)
    const button = page.getByRole('button', { name: 'Send a test search and a test image' })
    await button.click()
    await page.getByRole('textbox', { name: 'Token' }).fill(TOKEN)
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByText('Both were answered, but not at the first attempt:').waitFor()
    const results = await textsOf(page, '.results .way')
    expect(results).toHaveLength(2)
    for (const [i, job] of ['Text search', 'Image indexing'].entries()) {
      expect(results[i]).toMatch(new RegExp(`^${job}.*: route all · gpu: .* · nas: .* · Took `))
    }
    await page.getByText('Why').first().click()
    expect(await textOf(page, '.results pre')).toContain('"all" takes it')
    expect(await page.locator('#decisions summary').count()).toBe(0)
    await button.click()
    await page.getByText(/Another test was just sent/).waitFor()
    expect(complaints).toEqual([expect.stringContaining('429')])
  })

  it('shows each endpoint of a backend', async () => {
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
    expect(await textOf(page, '.endpoints li')).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port} Healthy`))
    await until(
      async () => (await textOf(page, '.station .why')) === '1 of 2 endpoints are healthy.',
      'one is down',
    )
    // Before its first probe is answered, it is not healthy either.
    await until(
      async () =>
        /^127\.0\.0\.2:\d+ Down .* connection refused$/.test((await textsOf(page, '.endpoints li'))[1] ?? ''),
      'it shows why',
    )
  })

  it('closes healthy backends when there are more than four, until they are opened', async () => {
    const backends = Object.fromEntries(
      await Promise.all(
        ['a', 'b', 'c', 'd', 'e', 'f'].map(async (name) => [name, { url: (await stubMl()).url }] as const),
      ),
    )
    const { address } = await serve({ backends })
    const { page } = await visit(address)
    const button = page.getByRole('button', { name: 'c', exact: true })
    await button.waitFor()
    expect(await button.getAttribute('aria-expanded')).toBe('false')
    expect(await page.getByText(String(backends['c']?.url)).isVisible()).toBe(false)
    await button.focus()
    await page.keyboard.press('Enter')
    expect(await button.getAttribute('aria-expanded')).toBe('true')
    await page.getByText(String(backends['c']?.url)).waitFor()
  })

  it('says every problem of the router, the worst as the verdict', async () => {
    const { address, router } = await scene()
    router.notices.set({ kind: 'config-refused', level: 'error', message: 'Line 4 is wrong; correct it' })
    const { page } = await visit(address)
    await until(async () => (await textOf(page, '#verdict')) === 'Line 4 is wrong; correct it.', 'it shows')
    expect(await textsOf(page, '#also li')).toEqual([expect.stringMatching(/^gpu is down/)])
    router.notices.clear('config-refused')
    await until(async () => /^gpu is down/.test(await textOf(page, '#verdict')), 'it is gone')
    expect(await page.locator('#also').isVisible()).toBe(false)
  })

  it('shows routes, events and the values of the plots as text', async () => {
    const { address } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('.waiters tbody tr')
    const [search, rest] = await textsOf(page, '#routes li')
    expect(search).toMatch(/^search 4 jobs in the last minute · 4 jobs in 15 min .*gpu, then nas/)
    expect(rest).toMatch(/^the rest 0 jobs in the last minute/)
    expect((await textsOf(page, '.events li'))[0]).toMatch(/^\d+:\d+ .*gpu down: connection refused$/)
    await page.getByRole('button', { name: 'Values as a table' }).first().click()
    await page.getByRole('region', { name: 'Values of the last 15 minutes' }).waitFor()
    const values = await textsOf(page, '#recent .scroll tbody tr')
    expect(values.join()).toMatch(/gpu down: connection refused/)
  })

  it("formats numbers for the browser's locale", async () => {
    const { address } = await scene()
    const { page } = await visit(address, { locale: 'de-DE' })
    await page.waitForSelector('.waiters tbody tr')
    expect((await textsOf(page, '#figures dd'))[1]).toMatch(/^100 %/)
  })

  it('works by keyboard: skip link, plots, theme', async () => {
    const { address } = await scene()
    const { page } = await visit(address)
    await page.waitForSelector('.waiters tbody tr')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('content')
    const plot = page.getByRole('slider', { name: 'Jobs, last 15 minutes' })
    await plot.focus()
    expect(await plot.getAttribute('aria-valuetext')).toBe(
      'Jobs of the last 15 minutes: answered 3, answered after retry 1.',
    )
    await page.keyboard.press('ArrowLeft')
    expect(await plot.getAttribute('aria-valuetext')).toMatch(/^\d+:\d+:\d+.*: .*Answered [\d.]+\/s/)
    await page.keyboard.press('Home')
    expect(await plot.getAttribute('aria-valuenow')).toBe('-89')
    await page.getByLabel('Auto').focus()
    await page.keyboard.press('ArrowRight')
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('light')
    await page.reload()
    expect(await page.getByLabel('Light').isChecked()).toBe(true)
  })
})
