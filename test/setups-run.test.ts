import { execFile } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  CONTENT_TYPE,
  imageBytes,
  immichBody,
  multipart,
  type StubMlServer,
  type StubMlServerOptions,
} from '@immich-ml-router/core/testing'
import { prepare, setups } from '@immich-ml-router/example-setups'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { ROOT } from './support/docs.ts'
import { startExample, startSetup } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)
const search = immichBody('textSearch', 'cat')
const indexing = immichBody('indexing', imageBytes(200_000))
const faces = immichBody('faces', imageBytes(200_000))
const ocr = immichBody('ocr', imageBytes(200_000))
const unknown = multipart([{ header: 'image', content: 'without entries' }])

/** Starts a set-up with a stand-in for each of its servers; `options` are theirs, by their hosts. */
async function start(name: string, options: Record<string, StubMlServerOptions> = {}, wakePort?: number) {
  const stubs = new Map<string, StubMlServer>()
  for (const host of Object.keys(setups[name] ?? {})) stubs.set(host, await stubMl(options[host]))
  const urls = Object.fromEntries([...stubs].map(([host, { url }]) => [host, url]))
  const gateway = await startSetup(name, { urls, wakePort })
  const ask = async (body: Buffer) => {
    const { status, headers } = await post(gateway.url, body)
    return `${status} ${headers['x-immich-ml-backend']}`
  }
  const server = (host: string): StubMlServer => {
    const stub = stubs.get(host)
    if (stub === undefined) throw new Error(`${name} has no server ${host}`)
    return stub
  }
  return { ...gateway, ask, server }
}

/** A machine's ear for Wake-on-LAN: the packets that have come. */
async function wakeOnLan(): Promise<{ port: number; packets: Buffer[] }> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  const packets: Buffer[] = []
  socket.on('message', (packet) => packets.push(packet))
  return { port: socket.address().port, packets }
}

/** What a request is answered with that says how long it will be, and sends nothing. */
async function declare(url: string, length: number): Promise<number | undefined> {
  const request = http.request(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': CONTENT_TYPE, 'content-length': length },
  })
  request.on('error', () => {})
  request.flushHeaders()
  const [response]: http.IncomingMessage[] = await once(request, 'response')
  request.destroy()
  return response?.statusCode
}

const readme = (name: string) => readFileSync(join(ROOT, 'examples/setups', name, 'README.md'), 'utf8')

const MAGIC_PACKET = Buffer.from('ff'.repeat(6) + 'aabbccddeeff'.repeat(16), 'hex')

/** The GPU machine of most of them. */
const GPU = '192.168.1.20:3003'

describe('the set-up', () => {
  it('sleeping-gpu answers searches while it holds images and wakes the machine', async () => {
    const { port, packets } = await wakeOnLan()
    const { ask, server, lines } = await start('sleeping-gpu', { [GPU]: { fault: 'refuse' } }, port)
    const images = Promise.all([ask(indexing), ask(faces), ask(ocr)])
    const waits = () => lines.some(({ msg }) => msg === 'request held')
    await until(() => waits() && packets.length > 0, 'an image waits, and a packet is sent')
    expect(packets[0]).toEqual(MAGIC_PACKET)
    expect(await ask(search)).toBe('200 nas')
    expect(server(GPU).started).toBe(0)
    await server(GPU).setFault(undefined)
    expect(await images).toEqual(['200 gpu', '200 gpu', '200 gpu'])
    expect([server('127.0.0.1:3004').started, server(GPU).started]).toEqual([1, 3])
  })

  it('ocr-on-cpu sends OCR to one server and the rest to the other', async () => {
    const { ask } = await start('ocr-on-cpu')
    const answers = await Promise.all([ocr, faces, indexing, search].map(ask))
    expect(answers).toEqual(['200 cpu', '200 gpu', '200 gpu', '200 gpu'])
  })

  it('unequal-servers spreads an import, and searches go on', async () => {
    const { ask, server } = await start('unequal-servers', {
      [GPU]: { threads: 4, serviceTime: 20 },
      '192.168.1.30:3003': { threads: 2, serviceTime: 40 },
      'immich-machine-learning:3003': { threads: 1, serviceTime: 200 },
    })
    const importing = Promise.all(Array.from({ length: 80 }, () => ask(indexing)))
    await until(() => server(GPU).started > 10, 'the import is under way')
    expect(await ask(search)).toMatch(/^200 /)
    const answers = await importing
    expect(answers.filter((answer) => !answer.startsWith('200'))).toEqual([])
    const images = (backend: string) => answers.filter((answer) => answer === `200 ${backend}`).length
    expect(images('mac')).toBeGreaterThan(0)
    expect(images('gpu')).toBeGreaterThan(images('mac'))
  })

  it.each([
    ['immich-compose', 'local', 'immich-machine-learning:3003'],
    ['systemd', 'nas', '192.168.1.10:3003'],
  ])('%s answers searches by %s, and uses both for images', async (name, always, host) => {
    const { ask, server } = await start(name, { [GPU]: { serviceTime: 30 }, [host]: { serviceTime: 30 } })
    const importing = Promise.all(Array.from({ length: 12 }, () => ask(indexing)))
    expect(await ask(search)).toBe(`200 ${always}`)
    expect([...new Set(await importing)].sort()).toEqual(['200 gpu', `200 ${always}`])
    await server(GPU).setFault('refuse')
    expect(await Promise.all([ask(search), ask(indexing)])).toEqual(Array(2).fill(`200 ${always}`))
    await server(GPU).setFault(undefined)
    await server(host).setFault('refuse')
    expect(await ask(search)).toBe('200 gpu')
  })

  it('kubernetes starts by the variables of its Deployment', async () => {
    const { ask, lines } = await start('kubernetes')
    expect(await ask(search)).toBe('200 ml')
    await until(() => lines.some(({ msg }) => msg === 'predict'), 'it is logged')
    expect(lines.find(({ msg }) => msg === 'predict')).toHaveProperty('endpoint')
  })

  it('from-immich-ml-proxy-nginx routes and logs as its routers do', async () => {
    const { ask, server, lines, url } = await start('from-immich-ml-proxy-nginx')
    expect(await Promise.all([search, indexing, ocr].map(ask))).toEqual([
      '200 text',
      '200 image',
      '200 image',
    ])
    const neither = multipart([{ header: 'entries', content: '{"clip":{"textual":{"modelName":"m"}}}' }])
    expect(await ask(neither)).toBe('400 default')
    for (const [host, count] of Object.entries({
      'ml-text:3003': 1,
      'ml-image:3003': 2,
      'ml-default:3003': 1,
    })) {
      const { received, url: upstream } = server(host)
      expect(received.map(({ headers }) => headers['x-upstream'])).toEqual(Array(count).fill(upstream))
    }
    expect(await declare(url, 33 * 1024 * 1024)).toBe(413)
    await until(() => lines.some(({ msg }) => msg === 'predict'), 'it is logged')
    const [, table = ''] = readme('from-immich-ml-proxy-nginx').split('| in their log | in ours |\n')
    const fields = [...table.matchAll(/\| `([\w.]+)`[^|]*\|$/gm)].map(([, field = '']) => field)
    expect(fields).toHaveLength(6)
    const logged = lines.find(({ msg }) => msg === 'predict')
    for (const field of fields) expect(logged).toHaveProperty(field)
  })

  it('from-pixelunioneu sends OCR to one server, the rest with its password to the other, and fails over to none', async () => {
    const { ask, server, url, lines } = await start('from-pixelunioneu')
    const [gpu, cpu] = [server('immich-ml-gpu.example.internal'), server('immich-ml:3003')]
    expect(await Promise.all([ocr, faces, search].map(ask))).toEqual([
      '200 ocr',
      '200 default',
      '200 default',
    ])
    expect(await ask(unknown)).toBe('422 default')
    const authorization = `Basic ${Buffer.from('username:password').toString('base64')}`
    for (const { headers } of gpu.received) expect(headers).toMatchObject({ authorization })
    expect(cpu.received[0]?.headers).not.toHaveProperty('authorization')
    expect(await declare(url, 51 * 1024 * 1024)).toBe(413)
    await gpu.setFault('error')
    const held = ask(faces)
    await until(() => lines.some(({ msg }) => msg === 'request held'), 'the job is held')
    await gpu.setFault(undefined)
    expect([await held, cpu.started]).toEqual(['200 default', 1])
  })

  it('from-yanghu falls back to the local server for CLIP, and for nothing else', async () => {
    const { ask, server } = await start('from-yanghu')
    const misleading = immichBody('textSearch', 'the word "ocr"')
    const jobs = [search, misleading, indexing, faces, ocr]
    expect(await Promise.all(jobs.map(ask))).toEqual(jobs.map(() => '200 remote'))
    await server('10.0.10.12:3003').setFault('refuse')
    expect(await ask(misleading)).toBe('200 local')
    expect(await ask(indexing)).toBe('200 local')
    const held = ask(faces)
    await server('10.0.10.12:3003').setFault(undefined)
    expect(await held).toBe('200 remote')
  })

  it('from-pauleibensteiner waits for the machine that it wakes', async () => {
    const { port, packets } = await wakeOnLan()
    const { ask, server } = await start('from-pauleibensteiner', { [GPU]: { fault: 'refuse' } }, port)
    const waiting = Promise.all([ask(faces), ask(ocr)])
    await until(() => packets.length > 0, 'a packet is sent')
    expect(packets[0]).toEqual(MAGIC_PACKET)
    expect(await ask(search)).toBe('200 local')
    await server(GPU).setFault(undefined)
    expect(await waiting).toEqual(['200 remote', '200 remote'])
  })

  it('from-apetersson uses all servers, and the next when one fails', async () => {
    const [nas, workstation, desktop] = [
      'immich-machine-learning:3003',
      '192.168.0.123:3003',
      'desktop.local:3003',
    ] as const
    const slow = { serviceTime: 50 }
    const { ask, server, lines } = await start('from-apetersson', {
      [nas]: slow,
      [workstation]: slow,
      [desktop]: slow,
    })
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(indexing)))
    expect([...new Set(answers)].sort()).toEqual(['200 desktop', '200 nas', '200 workstation'])
    await server(nas).setFault('error')
    await server(workstation).setFault('refuse')
    expect(await ask(search)).toBe('200 desktop')
    // Where all servers fail at everything, a search is held.
    for (const host of [workstation, desktop]) await server(host).setFault('error')
    const held = ask(search)
    await until(() => lines.some(({ msg }) => msg === 'request held'), 'the search is held')
    await server(desktop).setFault(undefined)
    expect(await held).toBe('200 desktop')
  })

  it('from-immich sends everything to the first that works', async () => {
    const { ask, server } = await start('from-immich')
    expect(await Promise.all([search, indexing, ocr].map(ask))).toEqual(['200 gpu', '200 gpu', '200 gpu'])
    await server(GPU).setFault('refuse')
    expect(await Promise.all([search, indexing, ocr].map(ask))).toEqual(['200 nas', '200 nas', '200 nas'])
  })
})

describe('npm run example', () => {
  it.each(Object.keys(setups))('knows the servers of %s', async (name) => {
    const urls = Object.fromEntries(
      Object.keys(setups[name] ?? {}).map((host) => [host, 'http://127.0.0.1:1']),
    )
    const { environment, config } = await prepare(name, { urls, wakePort: 9 })
    const used = [config ?? '', ...Object.values(environment)]
      .join('\n')
      .match(/127\.0\.0\.1:1\b|localhost:1\b/g)
    expect(used).toHaveLength(Object.keys(urls).length)
  })

  itNeeds('shell')('starts a set-up, whose second command then is a routed request', async () => {
    const { url, child, exited } = await startExample('ocr-on-cpu')
    const [, command = ''] = /npm run example -- ocr-on-cpu\n([\s\S]*?)\n```/.exec(readme('ocr-on-cpu')) ?? []
    const { stdout } = await exec('sh', ['-c', command.replace('http://localhost:3003', url)], { cwd: ROOT })
    expect(stdout).toMatch(/200 OK/)
    expect(stdout).toMatch(/x-immich-ml-backend: cpu/i)
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  })

  it('lists them all when it does not know one', async () => {
    const main = join(ROOT, 'examples/setups/src/main.ts')
    const { code, stderr } = await exec(process.execPath, [main, 'toString']).catch((error) => error)
    expect(code).toBe(2)
    for (const name of Object.keys(setups)) expect(stderr).toContain(name)
  })
})
