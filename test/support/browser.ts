import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, onTestFinished } from 'vitest'
import { CHROMIUM } from './tools.ts'

let browser: Promise<Browser> | undefined

/** A page in a browser, with the errors and requests that the browser recorded. */
export interface Visit {
  readonly page: Page
  /** Errors and warnings of the console, such as violations of the content security policy, and exceptions. */
  readonly complaints: readonly string[]
  /** Every URL that the page has requested. */
  readonly asked: readonly string[]
}

/** Opens a page in Chromium and closes it after the test. All tests of a file share one browser. */
export async function visit(url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  // Tests in a container run as root, where Chromium has no sandbox.
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

/** Closes the browser after the last test of a file. */
export function closeBrowserAfterAll(): void {
  afterAll(async () => {
    await (await browser)?.close()
    browser = undefined
  })
}
