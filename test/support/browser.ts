import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, onTestFinished } from 'vitest'
import { CHROMIUM } from './tools.ts'

let browser: Promise<Browser> | undefined

/** What a browser has found wrong, as it was used. */
export interface Visit {
  readonly page: Page
  /** Errors and warnings of the console, such as what a content security policy has kept out, and exceptions. */
  readonly complaints: readonly string[]
  /** Every URL that it has asked for. */
  readonly asked: readonly string[]
}

/** Opens a page in Debian's Chromium, closed when the test is over. The browser is that of the whole file. */
export async function visit(url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  // As root, which is who tests in a container, it has no sandbox.
  browser ??= chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  const context = await (await browser).newContext({ locale: 'en', ...options })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  const asked: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => asked.push(request.url()))
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  await page.goto(url)
  return { page, complaints, asked }
}

/** Ends the browser behind the tests of a file. */
export function closeBrowserAfterAll(): void {
  afterAll(async () => {
    await (await browser)?.close()
    browser = undefined
  })
}
