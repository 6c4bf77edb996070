import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from '@immich-ml-router/status-page'
import { expect, it } from 'vitest'
import { post } from './support/client.ts'
import { ROOT } from './support/docs.ts'
import { COMPILE_CACHE, startProcess } from './support/gateway-process.ts'
import { countingMl, searchFor } from './support/search-pool.ts'
import { until } from './support/servers.ts'
import { file } from './support/temporary-file.ts'

const MAIN = join(ROOT, 'packages/gateway/src/main.ts')

function warm(args: readonly string[]) {
  const { PATH = '' } = process.env
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { env: { PATH, NODE_COMPILE_CACHE: COMPILE_CACHE }, timeout: 90_000 }
    execFile(process.execPath, [MAIN, 'warm-cache', ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

it('saves the searches of a list, keeps them through a crash, and forgets them when asked', async () => {
  const ml = await countingMl()
  const words = await file('words.txt', 'cat\ndog\r\n\n cat \nred car\n')
  const config = (cache: string) => `backends:
  gpu: { url: ${ml.url}, health: false }
hold: false
routes:
  - backends: [gpu]${cache}
`
  const database = `${words}.db`
  const router = await file('router.yaml', config(''))
  const env = { ROUTER_CONFIG: router, HOST: '127.0.0.1', ADMIN_TOKEN: 'secret' }
  const gateway = await startProcess('package', env)
  const { url } = gateway

  await writeFile(router, config(`\n    searchCache: { path: ${database}, maxAge: 1d }`))
  await until(() => gateway.lines.some(({ msg }) => msg === 'configuration reloaded'), 'it is reloaded', 60)
  expect(await warm([words, '--url', url, '--language', 'en', '--language', 'de'])).toEqual({
    code: 0,
    stdout: '6 searches are saved: 6 new, 0 were saved before.\n',
    stderr: '',
  })
  expect(ml.asked).toBe(6)
  expect(gateway.output.filter((line) => line.includes('no module'))).toEqual([])

  gateway.child.kill('SIGKILL')
  await gateway.exited
  const { url: again } = await startProcess('package', env)
  const cacheOf = async () =>
    (await post(again, searchFor('red car', undefined, 'de'))).headers['x-immich-ml-cache']
  expect(await cacheOf()).toBe('fresh')
  const report = (await (await fetch(`${again}/_router/status.json`)).json()) as Report
  expect(report.decisions.at(-1)).toMatchObject({ fate: 'answered', cached: 'fresh', attempts: [] })

  const forget = (query: string, token: string, method = 'POST') =>
    fetch(`${again}/_router/search-cache/forget${query}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    })
  expect([(await forget('', 'wrong')).status, (await forget('', 'secret', 'GET')).status]).toEqual([401, 405])
  expect((await forget('?model=other', 'secret')).status).toBe(204)
  expect(await cacheOf()).toBe('fresh')
  expect((await forget('', 'secret')).status).toBe(204)
  expect(await cacheOf()).toBeUndefined()
}, 180_000)
