import { createRouter } from '@immich-ml-router/core'
import { statusPage } from '@immich-ml-router/status-page'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen, stubMl } from '../../../../test/support/servers.ts'
import { fetchReport } from './fetch-report.ts'

async function gatewayUrl(hasPage: boolean): Promise<string> {
  const router = createRouter({ health: false, backends: { gpu: { url: 'http://127.0.0.1:9' } } })
  onTestFinished(() => router.close({ timeout: 0 }))
  const page = statusPage(router)
  const { url } = await listen((req, res) =>
    hasPage ? page(req, res, () => router.handle(req, res)) : router.handle(req, res),
  )
  return url
}

describe('the report of a gateway', () => {
  it('is found by the URL of the gateway, of its page or of the report', async () => {
    const url = await gatewayUrl(true)
    const written = [url, `${url}/`, `${url}/_router/`, `${url}/_router/status.json`, new URL(url).host]
    for (const each of written) expect((await fetchReport(each)).report.backends).toHaveLength(1)
    const { json } = await fetchReport(url)
    expect(JSON.parse(json)).toMatchObject({ whole: true, backends: [{ name: 'gpu' }] })
  })

  it.each<[string, () => Promise<string>, string]>([
    [
      'the page is off',
      () => gatewayUrl(false),
      'answers 404: no status page there. It may be off (STATUS_PAGE=off)',
    ],
    [
      'another server answers',
      async () => (await listen((_, res) => res.end('<html>'))).url,
      'answers 200: this is not a gateway',
    ],
    [
      'the host name is not allowed',
      async () => (await listen((_, res) => res.writeHead(421).end('{"detail":"Use the IP address."}'))).url,
      'answers 421: Use the IP address.',
    ],
    [
      'a proxy wants a login',
      async () => (await listen((_, res) => res.writeHead(401).end())).url,
      'answers 401: a proxy in front of the gateway wants a login',
    ],
    [
      'nothing listens',
      async () => (await stubMl({ fault: 'refuse' })).url,
      '(connection refused): start the gateway',
    ],
    ['the text is no URL', async () => 'a b', '"a b" is not a URL'],
  ])('is not there if %s, with what to do', async (_, url, message) => {
    await expect(fetchReport(await url())).rejects.toThrow(message)
  })
})
