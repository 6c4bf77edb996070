import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { resolveExchangeOptions } from '@immich-ml-router/core/parts'
import { configFromVariables } from '@immich-ml-router/example-gateway-kit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { exampleOf } from './support/docs.ts'
import { spawnGateway, startProcess } from './support/gateway-process.ts'
import { imageBytes, immichBody, immichForm, multipart, sha256 } from './support/predict-body.ts'
import { stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)

async function file(name: string, text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'immich-ml-router-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, name)
  await writeFile(path, text)
  return path
}

async function seedServers() {
  return { text: await stubMl(), image: await stubMl(), default: await stubMl() }
}

type Servers = Awaited<ReturnType<typeof seedServers>>

const configurations: Record<string, (servers: Servers) => Promise<Record<string, string>>> = {
  "the seed's variables": async (servers) => ({
    ML_TEXT_URL: servers.text.url,
    ML_IMAGE_URL: servers.image.url,
    ML_DEFAULT_URL: servers.default.url,
    MAX_BODY_SIZE: '32m',
  }),
  'a file': async (servers) => ({
    ROUTER_CONFIG: await file(
      'router.yaml',
      `maxBodySize: 32mb
upstreamHeader: X-Upstream
backends:
  text: { url: ${servers.text.url} }
  image: { url: ${servers.image.url} }
  default: { url: ${servers.default.url} }
routes:
  - match: { input: text }
    backends: [text]
  - match: { input: image }
    backends: [image]
  - backends: [default]
`,
    ),
  }),
}

const honest: { what: string; to: keyof Servers; body: Buffer }[] = [
  { what: 'text', to: 'text', body: immichBody('textSearch', 'cat') },
  { what: 'an image', to: 'image', body: immichBody('indexing', imageBytes(500_000)) },
  { what: 'an image of 31 MB', to: 'image', body: immichBody('indexing', imageBytes(31_000_000)) },
  {
    what: 'neither',
    to: 'default',
    body: multipart([{ header: 'entries', content: '{"clip":{"textual":{"modelName":"m"}}}' }]),
  },
]

describe.each(['express', 'koa'] as const)('the %s gateway', (which) => {
  it.each(Object.keys(configurations))('routes as router1 does, by %s', async (configuration) => {
    const servers = await seedServers()
    const env = (await configurations[configuration]?.(servers)) ?? {}
    const { url, lines, child, exited } = await startProcess(which, env)
    for (const { to, body } of honest) {
      const answer = await post(url, body)
      expect([answer.headers['x-immich-ml-backend'], answer.status === 200]).toEqual([to, to !== 'default'])
      const received = servers[to].received.at(-1)
      expect(received).toMatchObject({ sha256: sha256(body), headers: { 'x-upstream': servers[to].url } })
    }
    expect([servers.text.started, servers.image.started, servers.default.started]).toEqual([1, 2, 1])
    expect((await post(url, immichBody('indexing', imageBytes(33 * 1024 * 1024)))).status).toBe(413)
    expect((await fetch(`${url}/somewhere-else`)).status).toBe(404)
    const requests = () => lines.filter(({ msg }) => msg === 'predict')
    await until(() => requests().length === 5, 'every request is logged')
    const logged = requests()
    expect(logged[0]).toMatchObject({
      client: expect.stringContaining('127.0.0.1'),
      request: 'POST /predict HTTP/1.1',
      status: 200,
      job: 'clip/textual',
      backend: 'text',
      upstream: servers.text.url,
      steps: {
        classify: expect.any(Number),
        queue: 0,
        hold: 0,
        connect: expect.any(Number),
        firstByte: expect.any(Number),
        backend: expect.any(Number),
        total: expect.any(Number),
      },
    })
    for (const { client } of logged) expect(client).toBe('127.0.0.1')
    expect(logged[4]).toMatchObject({
      status: 413,
      outcome: 'refused',
      error: expect.stringContaining('larger than'),
    })
    child.kill('SIGTERM')
    await exited
  })

  it('sends a request that is late to another backend as well, and logs it', async () => {
    const [slow, quick] = [await stubMl({ fault: 'hang' }), await stubMl()]
    const config = `backends: { slow: { url: "${slow.url}" }, quick: { url: "${quick.url}" } }
routes: [{ backends: [slow, quick], hedge: { after: 200ms } }]`
    const { url, lines } = await startProcess(which, { ROUTER_CONFIG: await file('router.yaml', config) })
    expect((await post(url, immichBody('textSearch', 'cat'))).headers['x-immich-ml-backend']).toBe('quick')
    await until(() => lines.some(({ msg }) => msg === 'predict'), 'it is logged')
    expect(lines.find(({ msg }) => msg === 'predict')).toMatchObject({
      level: 30,
      backend: 'quick',
      outcome: 'answered',
      attempts: [
        { backend: 'slow', outcome: 'superseded' },
        { backend: 'quick', outcome: 'answered', hedge: true },
      ],
      hedged: true,
    })
  })

  itNeeds('signals')('finishes what is running when it is told to stop', async () => {
    const slow = await stubMl({ serviceTime: 300 })
    const { url, child, exited } = await startProcess(which, { ML_DEFAULT_URL: slow.url })
    const running = fetch(`${url}/predict`, {
      method: 'POST',
      body: immichForm('indexing', imageBytes(100_000)),
    })
    await until(() => slow.started === 1, 'the request is at the backend')
    child.kill('SIGTERM')
    const response = await running
    expect([response.status, await response.json()]).toMatchObject([200, { imageHeight: 1440 }])
    expect(await exited).toBe(0)
  })

  itNeeds('signals')('answers those who wait for a backend when it is told to stop', async () => {
    const away = await stubMl({ fault: 'refuse' })
    const config = `backends: { gpu: { url: "${away.url}" } }
routes: [{ backends: [gpu], hold: 12h }]`
    const { url, child, exited, lines } = await startProcess(which, {
      ROUTER_CONFIG: await file('router.yaml', config),
    })
    const waiting = post(url, immichBody('indexing', imageBytes(2_000_000)))
    await until(() => lines.some(({ msg }) => msg === 'request held'), 'it waits')
    child.kill('SIGTERM')
    const { status, body } = await waiting
    expect([status, JSON.parse(body.toString()).code]).toEqual([503, 'router-closed'])
    expect(await exited).toBe(0)
    expect(lines.map(({ msg }) => msg)).toContain('backend ejected')
  })

  itNeeds('signals')('finds the endpoints of a name by itself, and ends all the same', async () => {
    const stub = await stubMl()
    const config = `backends: { ml: { url: "http://localhost:${stub.port}", discover: dns } }`
    const { url, child, exited, lines } = await startProcess(which, {
      ROUTER_CONFIG: await file('router.yaml', config),
    })
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(200)
    const endpoint = `127.0.0.1:${stub.port}`
    await until(() => lines.some(({ msg }) => msg === 'predict'), 'the request is logged')
    expect(lines.find(({ msg }) => msg === 'predict')).toMatchObject({ backend: 'ml', endpoint })
    expect(lines.find(({ added }) => added !== undefined)).toMatchObject({
      backend: 'ml',
      endpoints: [endpoint],
      msg: 'backend addresses changed',
    })
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  })

  itNeeds('curl')('starts stand-in servers when nothing is configured, and says what to try', async () => {
    const { url, output, child, exited } = await startProcess(which, {})
    await until(() => output.some((line) => line.includes('curl -i')), 'it says what to try')
    // The seed's own curl line, with the address of this gateway.
    const entries = 'entries={"clip":{"textual":{"modelName":"ViT-B-32__openai"}}}'
    const { stdout } = await exec('curl', ['-si', '-F', entries, '-F', 'text=cat', `${url}/predict`])
    expect(stdout).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(stdout).toMatch(/x-immich-ml-backend: text\r\n/i)
    const suggested = output
      .filter((line) => line.includes('curl'))
      .map((line) => line.replaceAll("'", '').trim().split(' -F '))
    for (const [first = '', ...forms] of suggested) {
      const [command = '', ...options] = first.split(' ')
      const last = forms.pop()?.split(' ') ?? []
      const fields = [...forms, ...last.slice(0, 1)].flatMap((form) => ['-F', form])
      const { stdout: answer } = await exec(command, ['-s', ...options, ...fields, ...last.slice(1)])
      expect(answer).toMatch(/200 OK|^pong$/)
    }
    child.kill('SIGINT')
    await exited
  })

  it('refuses a broken configuration with every mistake in it', async () => {
    const path = await file(
      'broken.yaml',
      'backends: { gpu: { ulr: http://gpu } }\nroutes: [{ backends: [gpuu] }]\n',
    )
    const { exited, lines } = spawnGateway(which, { ROUTER_CONFIG: path })
    expect(await exited).toBe(1)
    expect(lines.at(-1)?.['msg']).toMatch(
      /broken.yaml: The configuration has 3 mistakes:(.|\n)*Did you mean "url"(.|\n)*Did you mean "gpu"/,
    )
  })
})

describe("the README's configuration", () => {
  it('is taken by a gateway', async () => {
    const path = await file('router.yaml', exampleOf('README.md', 'config'))
    const { url, lines } = await startProcess('express', { ROUTER_CONFIG: path })
    expect((await fetch(`${url}/ping`)).status).toBe(200)
    expect(lines[0]?.['backends']).toMatchObject([
      { name: 'gpu', url: 'http://192.168.1.20:3003' },
      { name: 'nas' },
    ])
  })
})

describe("the seed's variables", () => {
  const urls = { ML_TEXT_URL: 'http://t', ML_IMAGE_URL: 'http://i', ML_DEFAULT_URL: 'http://d' }

  it.each([
    [urls, ['text', 'image', 'default'], 'default'],
    [{ ML_DEFAULT_URL: 'http://d' }, ['default'], 'default'],
    [{ ML_TEXT_URL: 'http://t', ML_IMAGE_URL: 'http://i' }, ['text', 'image', 'image'], 'image'],
    [{ ML_TEXT_URL: 'http://t' }, ['text', 'text'], 'text'],
    [{ ML_TEXT_URL: 'http://same', ML_DEFAULT_URL: 'http://same' }, ['text', 'default'], 'default'],
  ])('%j', (env, routes, last) => {
    const config = configFromVariables(env)
    expect(config.routes?.flatMap(({ backends }) => backends)).toEqual(routes)
    expect(config.routes?.at(-1)?.backends).toEqual([last])
  })

  it.each([
    ['32m', 33_554_432],
    ['1M', 1_048_576],
    ['500k', 512_000],
    ['1048576', 1_048_576],
    ['0', Number.POSITIVE_INFINITY],
    [undefined, 33_554_432],
  ])('MAX_BODY_SIZE=%s', (size, bytes) => {
    const { maxBodySize } = configFromVariables({
      ...urls,
      ...(size === undefined ? {} : { MAX_BODY_SIZE: size }),
    })
    expect(resolveExchangeOptions({ maxBodySize }).maxBodySize).toBe(bytes)
  })

  it('a size that is none', () => {
    expect(() => configFromVariables({ ...urls, MAX_BODY_SIZE: 'big' })).toThrow(
      /MAX_BODY_SIZE must be bytes/,
    )
  })
})

describe('a gateway without a limit', () => {
  it.each([
    ['the variable', async (url: string) => ({ ML_DEFAULT_URL: url, MAX_BODY_SIZE: '0' })],
    [
      'a file',
      async (url: string) => ({
        ROUTER_CONFIG: await file('r.yaml', `maxBodySize: unlimited\nbackends: { a: { url: ${url} } }`),
      }),
    ],
  ])('by %s, takes 40 MB', async (_, env) => {
    const stub = await stubMl()
    const { url } = await startProcess('express', await env(stub.url))
    const body = immichBody('indexing', imageBytes(40_000_000))
    expect((await post(url, body)).status).toBe(200)
    expect(stub.received[0]?.sha256).toBe(sha256(body))
  })
})

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
        /previous one stays in use: ROUTER_CONFIG=.*router.yaml: The configuration has 3 mistakes:(.|\n)*backends.gpu.ulr(.|\n)*routes\[0\].backends\[0\]/,
      ),
    })
    expect(await by()).toBe('renamed')
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
  it.each(['express', 'koa'] as const)('is served by %s beside the router', async (which) => {
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
      const { exited, lines } = spawnGateway('express', env)
      expect(await exited).toBe(1)
      expect(lines.at(-1)?.['msg']).toMatch(/must/)
    },
  )
})

describe('a port that is taken', () => {
  it('is said in one line', async () => {
    const taken = net.createServer().listen(0)
    await until(() => taken.listening, 'it listens')
    onTestFinished(() => void taken.close())
    const { exited, lines } = spawnGateway('express', {
      PORT: String((taken.address() as net.AddressInfo).port),
    })
    expect(await exited).toBe(1)
    expect(lines.at(-1)?.['msg']).toMatch(/EADDRINUSE/)
  })
})
