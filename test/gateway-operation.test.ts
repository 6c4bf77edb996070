import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { post } from './support/client.ts'
import { spawnGateway, startProcess } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { file } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

describe('a gateway that is told to stop', () => {
  itNeeds('signals')(
    'does not wait for clients that say nothing, and is not killed by a second signal',
    async () => {
      const slow = await stubMl({ serviceTime: 300 })
      const { url, child, exited, output } = await startProcess('koa', { ML_DEFAULT_URL: slow.url })
      const silent = net.connect(Number(new URL(url).port), '127.0.0.1')
      const half = net.connect(Number(new URL(url).port), '127.0.0.1')
      for (const socket of [silent, half]) socket.on('error', () => {})
      half.write('POST /predict HTTP/1.1\r\nhost: x')
      const running = post(url, immichBody('textSearch', 'cat'))
      await until(() => slow.started === 1, 'the request is at the backend')
      child.kill('SIGTERM')
      await until(() => output.some((line) => line.includes('SIGTERM')), 'it is stopping')
      child.kill('SIGTERM')
      expect((await running).status).toBe(200)
      expect(await exited).toBe(0)
    },
  )
})

/** A report is up to 1 s old. */
const REPORT_AGE = { timeout: 5_000 }

async function noticesOf(url: string): Promise<unknown> {
  const { notices }: { notices: unknown } = JSON.parse(
    await (await fetch(`${url}/_router/status.json`)).text(),
  )
  return notices
}

describe('the configuration of a gateway that runs', () => {
  const to = (name: string, url: string) => `backends: { ${name}: { url: "${url}" } }\n`

  itNeeds('signals')('is that of its file, however that changes, and on SIGHUP', async () => {
    const stubs = await Promise.all([stubMl(), stubMl()])
    const [a, b] = stubs.map(({ url }) => url)
    const path = await file('router.yaml', to('first', a ?? ''))
    const directory = dirname(path)
    const { url, child, exited, lines } = await startProcess('express', { ROUTER_CONFIG: path })
    const logged = (words: string) => lines.filter(({ msg }) => String(msg).includes(words))
    const by = async () => (await post(url, immichBody('textSearch', 'cat'))).headers['x-immich-ml-backend']
    expect(await by()).toBe('first')

    await writeFile(join(directory, 'new.yaml'), to('renamed', b ?? ''))
    await rename(join(directory, 'new.yaml'), path)
    await until(() => logged('configuration reloaded').length === 1, 'it has seen the other file')
    expect(logged('configuration reloaded')[0]?.['different']).toBe(
      'backends added: renamed; backends removed: first; routes changed: default',
    )
    expect(await by()).toBe('renamed')
    expect([logged('backend removed')[0], logged('backend added')[0]]).toMatchObject([
      { backend: 'first', upstream: a },
      { backend: 'renamed', upstream: b },
    ])

    await writeFile(path, 'backends: { gpu: { ulr: http://gpu } }\nroutes: [{ backends: [gpuu] }]\n')
    await until(() => logged('not reloaded').length === 1, 'it has seen the broken file')
    expect(logged('not reloaded')[0]).toMatchObject({
      level: 50,
      msg: expect.stringMatching(
        /previous one stays in use: .*router.yaml has 3 mistakes: .*router.yaml:1:20: backends.gpu.ulr.*router.yaml:2:23: routes\[0\].backends\[0\]/,
      ),
    })
    expect(await by()).toBe('renamed')
    const refused = [
      {
        kind: 'config-refused',
        level: 'error',
        message: expect.stringMatching(
          /previous one stays in use until .*router.yaml:1:13: backends.gpu.url is missing. The log has 2 more\.$/,
        ),
      },
    ]
    await vi.waitFor(async () => expect(await noticesOf(url)).toEqual(refused), REPORT_AGE)
    child.kill('SIGHUP')
    await until(() => logged('not reloaded').length === 2, 'it has tried again')

    for (const [number, name] of ['one', 'two'].entries()) {
      const version = join(directory, `..${number}`)
      await mkdir(version)
      await writeFile(join(version, 'router.yaml'), to(name, a ?? ''))
      await symlink(version, join(directory, '..tmp'))
      await rename(join(directory, '..tmp'), join(directory, '..data'))
      if (number === 0) {
        await symlink('..data/router.yaml', join(directory, 'link'))
        await rename(join(directory, 'link'), path)
      }
      await until(() => logged('configuration reloaded').length === 2 + number, `it has seen version ${name}`)
      expect(await by()).toBe(name)
      await vi.waitFor(async () => expect(await noticesOf(url)).toEqual([]), REPORT_AGE)
    }

    child.kill('SIGHUP')
    await until(() => lines.some(({ different }) => different === 'nothing'), 'it has read the file again')
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  })

  itNeeds('signals')('is that of the files that it refers to, too', async () => {
    const stub = await stubMl()
    const path = await file('router.yaml', '')
    const secret = join(dirname(path), 'token')
    await writeFile(secret, 'old\n')
    await writeFile(path, `backends: { gpu: { url: "${stub.url}", auth: { bearer: "\${file:${secret}}" } } }`)
    const { url, child, exited, lines, output } = await startProcess('koa', { ROUTER_CONFIG: path })
    const told = async () => {
      expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(200)
      return stub.received.at(-1)?.headers.authorization
    }
    expect(await told()).toBe('Bearer old')
    await writeFile(secret, 'new\n')
    await until(() => lines.some(({ msg }) => msg === 'configuration reloaded'), 'it has seen it')
    expect(lines.find(({ different }) => different)?.['different']).toBe('backends changed: gpu')
    expect(await told()).toBe('Bearer new')
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
    expect(output.filter((line) => /Bearer|"(old|new)"/.test(line))).toEqual([])
  })

  itNeeds('signals')('keeps what runs and what waits', async () => {
    const [slow, other] = [await stubMl({ serviceTime: 500 }), await stubMl()]
    const away = await stubMl({ fault: 'refuse' })
    const config = (images: string, url: string) => `backends:
  search: { url: "${slow.url}" }
  ${images}: { url: "${url}" }
routes:
  - { match: { input: text }, backends: [search] }
  - { backends: [${images}], hold: 12h }
`
    const path = await file('router.yaml', config('gpu', away.url))
    const { url, lines, child, exited } = await startProcess('koa', { ROUTER_CONFIG: path })
    const running = post(url, immichBody('textSearch', 'cat'))
    const waiting = post(url, immichBody('indexing', imageBytes(10_000)))
    await until(() => lines.some(({ msg }) => msg === 'request held'), 'one waits')
    await until(() => slow.started === 1, 'one runs')
    await writeFile(
      path,
      config('mac', other.url).replace(`search: { url: "${slow.url}" }`, `search: { url: "${other.url}" }`),
    )
    expect((await waiting).headers['x-immich-ml-backend']).toBe('mac')
    expect([(await running).status, slow.started]).toEqual([200, 1])
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  })

  itNeeds('signals')('stays what it is where there is no file, and SIGHUP says so', async () => {
    const stub = await stubMl()
    const { url, lines, child, exited } = await startProcess('express', { ML_DEFAULT_URL: stub.url })
    child.kill('SIGHUP')
    const said = () => lines.find(({ msg }) => String(msg).startsWith('SIGHUP'))?.['msg']
    await until(() => said() !== undefined, 'it says so')
    expect(said()).toBe(
      'SIGHUP: nothing to reload, the gateway is configured by ML_TEXT_URL, ML_IMAGE_URL, ML_DEFAULT_URL',
    )
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(200)
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  })
})

describe('the status page of a gateway', () => {
  it.each(['package', 'koa'] as const)('is served by %s beside the router', async (which) => {
    const stub = await stubMl()
    const { url, lines } = await startProcess(which, { ML_DEFAULT_URL: stub.url, ADMIN_TOKEN: 'sesame' })
    const page = await fetch(`${url}/_router`)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<h1>')])
    expect(lines.map(({ msg }) => msg)).toContainEqual(
      expect.stringMatching(/the status page is .*\/_router$/),
    )
    const act = (action: string, token = 'sesame') =>
      fetch(`${url}/_router/backends/default/${action}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      })
    expect((await act('drain', 'guessed')).status).toBe(401)
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(200)
    expect((await act('drain')).status).toBe(204)
    const held = post(url, immichBody('textSearch', 'cat'))
    await until(() => lines.some(({ msg }) => msg === 'request held'), 'it is held')
    expect((await act('enable')).status).toBe(204)
    expect((await held).status).toBe(200)
  })

  it('can be turned off, and shows only when there is no token', async () => {
    const stub = await stubMl()
    const env = { ML_DEFAULT_URL: stub.url, ADMIN_TOKEN: '' }
    const [off, on] = [{ STATUS_PAGE: 'off' }, { STATUS_PAGE: 'on' }].map((it) =>
      startProcess('express', { ...env, ...it }),
    )
    expect((await fetch(`${(await off)?.url}/_router`)).status).toBe(404)
    const refused = await fetch(`${(await on)?.url}/_router/backends/default/drain`, { method: 'POST' })
    expect(refused.status).toBe(403)
  })

  it.each([{ STATUS_PAGE: 'maybe' }, { ADMIN_TOKEN: 'two words' }])(
    'says what is wrong with %j',
    async (env) => {
      const { exited, output } = spawnGateway('express', { ML_DEFAULT_URL: 'http://gpu', ...env })
      expect(await exited).toBe(1)
      expect(output.at(-1)).toMatch(/must/)
    },
  )
})

describe('a port that is taken', () => {
  it('is said in one line', async () => {
    const taken = net.createServer().listen(0)
    await until(() => taken.listening, 'it listens')
    onTestFinished(() => void taken.close())
    const { exited, output } = spawnGateway('express', {
      ML_DEFAULT_URL: 'http://gpu',
      PORT: String((taken.address() as net.AddressInfo).port),
    })
    expect(await exited).toBe(1)
    expect(output.join(' ')).toMatch(/is in use/)
  })
})
