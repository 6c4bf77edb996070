import { type ChildProcess, execFile, fork } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { imageBytes, immichForm } from '@immich-ml-router/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exampleOf, moduleExampleOf } from './support/docs.ts'
import { FREE_PORT, KIT_EXAMPLES, PACKAGES, PARTS, PUBLIC } from './support/packed-packages.ts'
import { EXAMPLES, type PackedProject, packedProject } from './support/packed-project.ts'
import { stubMl } from './support/servers.ts'

const exec = promisify(execFile)
const windows = process.platform === 'win32'
/** The examples that send text searches to the NAS. */
const SEARCHES_ON_NAS = new Set(['express', 'in-code', 'package-core', 'package-express', 'package-koa'])

describe('an empty project outside the workspace', () => {
  let project: PackedProject

  beforeAll(async () => {
    project = await packedProject()
  }, 300_000)

  afterAll(() => project.remove())

  const write = (name: string, text: string) => writeFile(join(project.path, name), text)
  const node = (...args: string[]) => exec(process.execPath, args, { cwd: project.path })

  it('imports and requires every entry point, with the same names', async () => {
    const expected: Record<string, string[]> = { 'immich/metrics': ['immichMetrics'] }
    for (const name of PACKAGES) expected[name] = PUBLIC[name]
    for (const [part, keys] of Object.entries(PARTS)) expected[`core/${part}`] = keys
    const names = async (type: 'module' | 'commonjs', load: string) => {
      const script = `const found = {}
const collect = async () => {
  for (const name of ${JSON.stringify(Object.keys(expected))})
    found[name] = Object.keys(await ${load}('@immich-ml-router/' + name)).filter((key) => key !== 'default').sort()
  console.log(JSON.stringify(found))
}
collect()`
      return JSON.parse((await node(`--input-type=${type}`, '-e', script)).stdout)
    }
    expect(await names('module', 'import')).toEqual(expected)
    expect(await names('commonjs', 'require')).toEqual(expected)
  })

  it('says in one line which Node.js it needs, on an older one', async () => {
    await write(
      'old-node.cjs',
      `const names = ${JSON.stringify(PACKAGES)}.map((name) => '@immich-ml-router/' + name)
const attempts = names.flatMap((name) => [() => import(name), async () => require(name)])
Promise.allSettled(attempts.map((attempt) => attempt())).then((settled) => {
  for (const { reason } of settled) console.log(reason?.message)
})`,
    )
    const { stdout } = await exec('npx', ['--yes', '-p', 'node@20', 'node', 'old-node.cjs'], {
      cwd: project.path,
      shell: windows,
    })
    const lines = stdout.trim().split('\n')
    expect(lines).toHaveLength(2 * PACKAGES.length)
    for (const line of lines)
      expect(line).toMatch(
        /^@immich-ml-router\/core needs Node.js 22.19 or later, and this is Node.js 20\.[\d.]+\. /,
      )
  }, 120_000)

  it.each([
    ['ESM', 'mjs', `import { statusPage } from '@immich-ml-router/status-page'`],
    ['CommonJS', 'cjs', `const { statusPage } = require('@immich-ml-router/status-page')`],
  ])('has the status page with its browser code (%s)', async (_, extension, load) => {
    await write(
      `page.${extension}`,
      `${load}
const router = { on: () => () => {}, modules: { onClose() {} }, status: () => ({ now: 0 }) }
const res = { writeHead: (status) => console.log(status), end: (html) => console.log(html) }
statusPage(router)({ method: 'GET', url: '/_router', headers: {}, socket: {}, resume() {} }, res)`,
    )
    const { stdout } = await node(`page.${extension}`)
    expect(stdout).toMatch(/^200\n<!doctype html>/)
    const [, script = ''] = /<script type="module">(.+)<\/script>/s.exec(stdout) ?? []
    expect(script.length).toBeGreaterThan(10_000)
  })

  it('needs the version that engines says', async () => {
    for (const name of PACKAGES) {
      const manifest = join(project.path, 'node_modules/@immich-ml-router', name, 'package.json')
      expect(JSON.parse(await readFile(manifest, 'utf8')).engines).toEqual({ node: '>=22.19' })
    }
  })

  it('has what is optional in its own entry point alone', async () => {
    const dist = join(project.path, 'node_modules/@immich-ml-router/core/dist')
    for (const file of ['index.js', 'index.cjs', 'index.d.ts', 'logging.js', 'logging.cjs', 'logging.d.ts'])
      expect(await readFile(join(dist, file), 'utf8'), file).not.toContain('@opentelemetry')
    for (const part of ['index', ...Object.keys(PARTS).filter((name) => name !== 'testing')])
      expect(await readFile(join(dist, `${part}.js`), 'utf8'), part).not.toMatch(/multipart-parser|FakeClock/)
    // A second copy of a class would not be an instance of the first.
    for (const part of ['index', ...Object.keys(PARTS).filter((name) => name !== 'parts')])
      expect(await readFile(join(dist, `${part}.js`), 'utf8'), part).not.toMatch(/class \w*Error/)
  })

  it.each([
    ['core/config.schema.json', 'immich-ml-router configuration'],
    ['status-page/status.schema.json', 'Report of immich-ml-router (GET /_router/status.json)'],
  ])('reads the published schema %s', async (path, title) => {
    const { stdout } = await node('-p', `require('@immich-ml-router/${path}').title`)
    expect(stdout.trim()).toBe(title)
  })

  /** Starts an example as it stands, but for the addresses: of the servers, and of its own port. */
  async function run(
    document: string,
    name: string,
    urls: Record<string, string>,
    env: Record<string, string> = {},
  ): Promise<{ port: number; child: ChildProcess }> {
    const text = exampleOf(document, name).replace(
      /http:\/\/(nas|gpu):3003/g,
      (_, server: string) => urls[server] ?? '',
    )
    await write(`run-${name}.mjs`, stripTypeScriptTypes(text))
    await write('free-port.mjs', FREE_PORT)
    const child = fork(join(project.path, `run-${name}.mjs`), {
      cwd: project.path,
      env: { ...process.env, ...env },
      execPath: process.execPath,
      execArgv: ['--import', './free-port.mjs'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message) => resolve(Number(message)))
      child.once('exit', (code) => reject(new Error(`the example ended with ${code}`)))
    })
    return { port, child }
  }

  async function send(port: number, form: FormData): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}/predict`, { method: 'POST', body: form })
    await response.json()
    return `${response.status} ${response.headers.get('x-immich-ml-backend')}`
  }

  const servers = EXAMPLES.filter(([, name]) => !['core', 'file', 'strategy', ...KIT_EXAMPLES].includes(name))

  it.each(servers)('runs the example of %s: %s, against two stand-in servers', async (document, name) => {
    const [nas, gpu] = [await stubMl(), await stubMl()]
    const { port, child } = await run(document, name, { nas: nas.url, gpu: gpu.url })
    try {
      expect(await send(port, immichForm('textSearch', 'cat'))).toBe(
        SEARCHES_ON_NAS.has(name) ? '200 nas' : '200 gpu',
      )
      expect(await send(port, immichForm('ocr', imageBytes(500_000)))).toBe('200 gpu')
      expect(nas.received.length + gpu.received.length).toBe(2)
    } finally {
      child.kill()
    }
  })

  it.each(KIT_EXAMPLES)('runs the example of the gateway kit: %s', async (name) => {
    const gpu = await stubMl()
    const env = { ML_DEFAULT_URL: gpu.url }
    const { port, child } = await run('packages/gateway-kit/README.md', name, { gpu: gpu.url }, env)
    try {
      expect(await send(port, immichForm('textSearch', 'cat'))).toMatch(/^200 (default|gpu)$/)
    } finally {
      child.kill()
    }
  })

  it('runs the example of the parts on their own', async () => {
    await write('run-core.mjs', exampleOf('docs/library.md', 'core'))
    const { stdout } = await node('run-core.mjs')
    expect(stdout).toMatch(/^\[ 'clip' \] text\nto gpu by route "text"\n(\d+ bytes\n)+$/)
  })

  it('runs the example of a configuration file of your own', async () => {
    await write('run-file.mjs', stripTypeScriptTypes(exampleOf('docs/library.md', 'file')))
    const withUrl = async (url: string) => {
      await write('router.json', JSON.stringify({ backends: { gpu: { url } }, health: false }))
      return node('run-file.mjs')
    }
    expect((await withUrl('${A_URL_THAT_IS_NOT_SET:-http://gpu:3003}')).stdout).toContain(
      '  gpu: http://gpu:3003\n',
    )
    expect((await withUrl('${A_URL_THAT_IS_NOT_SET}')).stderr).toBe(
      'backends.gpu.url needs the variable A_URL_THAT_IS_NOT_SET, which is not set; set it, or write a default: ${A_URL_THAT_IS_NOT_SET:-default}\n',
    )
  })

  it('runs the test of a gateway', async () => {
    await write('gateway.test.mjs', stripTypeScriptTypes(moduleExampleOf('testing/index.ts')))
    expect((await node('--test', '--test-reporter=tap', 'gateway.test.mjs')).stdout).toContain('# pass 1\n')
  })

  it('runs the example of a strategy', async () => {
    await write('strategy.mjs', stripTypeScriptTypes(exampleOf('CONTRIBUTING.md', 'strategy')))
    await write(
      'run-strategy.mjs',
      `import { selectBackend } from '@immich-ml-router/core'
import { last } from './strategy.mjs'
const backends = { a: { url: 'http://a' }, b: { url: 'http://b' } }
const select = selectBackend({ backends, routes: [{ backends: ['a', 'b'], strategy: last }] })
console.log((await select({ classified: false, entries: [], tasks: [], reason: 'no-entries' })).backend.name)`,
    )
    expect((await node('run-strategy.mjs')).stdout).toBe('b\n')
  })
})
