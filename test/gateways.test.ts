import { resolveExchangeOptions } from '@immich-ml-router/core/parts'
import { imageBytes, immichBody, immichForm, multipart } from '@immich-ml-router/core/testing'
import { configFromVariables } from '@immich-ml-router/gateway-kit'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { exampleOf } from './support/docs.ts'
import { GATEWAYS, spawnGateway, startProcess } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'
import { file } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

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

describe.each(GATEWAYS)('the %s gateway', (which) => {
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

  it('does not start without a configuration, and says how to configure it', async () => {
    const { exited, output } = spawnGateway(which, { ROUTER_CONFIGG: '/router.yaml' })
    expect(await exited).toBe(2)
    expect(output.join('\n')).toMatch(
      /no backend is configured(.|\n)*ROUTER_CONFIG(.|\n)*ML_DEFAULT_URL(.|\n)*ROUTER_CONFIGG is set but unknown; did you mean ROUTER_CONFIG\?/,
    )
  })

  it('says which port is in use, and how to choose another', async () => {
    const stub = await stubMl()
    const { exited, output } = spawnGateway(which, {
      ML_DEFAULT_URL: 'http://gpu:3003',
      PORT: String(stub.port),
      HOST: '127.0.0.1',
    })
    expect(await exited).toBe(1)
    expect(output.join('\n')).toContain(`port ${stub.port} is in use. Choose another port with PORT`)
  })

  it('refuses a broken configuration with every mistake in it', async () => {
    const path = await file(
      'broken.yaml',
      'backends: { gpu: { ulr: http://gpu } }\nroutes: [{ backends: [gpuu] }]\n',
    )
    const { exited, output } = spawnGateway(which, { ROUTER_CONFIG: path })
    expect(await exited).toBe(1)
    expect(output.join('\n')).toMatch(
      /broken.yaml has 3 mistakes:(.|\n)*Did you mean "url"(.|\n)*Did you mean "gpu"/,
    )
  })
})

describe("the README's configuration", () => {
  it('is taken by a gateway', async () => {
    const path = await file('router.yaml', exampleOf('README.md', 'config'))
    const { url, lines } = await startProcess('express', { ROUTER_CONFIG: path })
    expect((await fetch(`${url}/ping`)).status).toBe(200)
    expect(lines[0]?.['backends']).toMatchObject([
      { name: 'nas', url: 'http://192.168.1.10:3003' },
      { name: 'gpu', url: 'http://192.168.1.20:3003' },
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
