import { type ChildProcess, execFile, fork } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { imageBytes, immichForm } from '@immich-ml-router/core/testing'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exampleOf, moduleExampleOf, ROOT, sourceExampleOf } from './support/docs.ts'
import { EXAMPLE_READMES, moduleOf } from './support/package-readme.ts'
import { FREE_PORT, KIT_EXAMPLES, PACKAGES, PARTS, PUBLIC, TYPES } from './support/packed-packages.ts'
import { stubMl } from './support/servers.ts'
import { makeDirectory, removeDirectory } from './support/temporary-file.ts'

const exec = promisify(execFile)
const windows = process.platform === 'win32'
/** The examples that send text searches to the NAS. */
const SEARCHES_ON_NAS = new Set(['express', 'in-code', 'package-core', 'package-express', 'package-koa'])
/** Of the packages that have some. */
const SCHEMAS: Readonly<Partial<Record<string, readonly string[]>>> = {
  core: ['config.schema.json', 'policy.schema.json'],
  'status-page': ['status.schema.json'],
}
let directory: string
const tarballs: Record<string, string> = {}

beforeAll(async () => {
  directory = await makeDirectory()
  for (const name of PACKAGES) {
    await npx(
      ['--yes', '--package', 'pnpm@12.21.0', 'pnpm', 'pack', '--pack-destination', directory],
      join(ROOT, 'packages', name),
    )
  }
  const packed = await readdir(directory)
  for (const name of PACKAGES)
    tarballs[name] = join(directory, packed.find((file) => file.includes(`-${name}-`)) ?? '')
}, 120_000)

afterAll(() => removeDirectory(directory))

function npx(args: string[], cwd: string) {
  return exec('npx', args, { cwd, shell: windows })
}

describe.each(PACKAGES)('the packed %s', (name) => {
  it('is found in order by publint', async () => {
    const { buffer, byteOffset, byteLength } = await readFile(tarballs[name] ?? '')
    const tarball = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
  })

  it('has types that are right for every kind of import', async () => {
    const analysis = await checkPackage(
      createPackageFromTarballData(new Uint8Array(await readFile(tarballs[name] ?? ''))),
    )
    expect('problems' in analysis ? analysis.problems : ['no types']).toEqual([])
  })

  it('holds what is needed and nothing else', async () => {
    const { stdout } = await exec('tar', ['-tzf', tarballs[name] ?? ''])
    const schemas = SCHEMAS[name] ?? []
    const entries = ['index', ...partsOf(name)].flatMap((entry) =>
      ['cjs', 'd.cts', 'd.ts', 'js'].map((extension) => `dist/${entry}.${extension}`),
    )
    const check = name === 'core' ? ['dist/node-version.cjs', 'dist/node-version.js'] : []
    const files = ['LICENSE', 'README.md', 'package.json', ...entries, ...check, ...schemas]
    const packed = stdout
      .trim()
      .split('\n')
      .map((file) => file.replace('package/', ''))
      // What the declarations of several entries share has a name of its own each time.
      .filter((file) => !/^dist\/[\w-]+-[\w-]{8}\.d\.c?ts$/.test(file))
    expect(packed.sort()).toEqual(files.sort())
  })
})

function partsOf(name: (typeof PACKAGES)[number]): string[] {
  return name === 'core' ? Object.keys(PARTS) : name === 'immich' ? ['metrics'] : []
}

describe('an empty project outside the workspace', () => {
  let project: string

  beforeAll(async () => {
    project = await makeDirectory()
    const dependencies = Object.fromEntries(
      PACKAGES.map((name) => [`@immich-ml-router/${name}`, `file:${tarballs[name]}`]),
    )
    const types = {
      '@types/express': '5.0.6',
      '@types/koa': '3.0.3',
      '@types/node': '24.19.2',
      typescript: '7.0.2',
    }
    await write(
      'package.json',
      JSON.stringify({
        private: true,
        dependencies: {
          ...dependencies,
          '@opentelemetry/api': '1.10.0',
          express: '5.3.0',
          koa: '3.3.0',
          pino: '10.4.0',
          'prom-client': '15.1.3',
          ...types,
        },
      }),
    )
    await exec('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], {
      cwd: project,
      shell: windows,
    })
  }, 180_000)

  afterAll(() => removeDirectory(project))

  const write = (name: string, text: string) => writeFile(join(project, name), text)
  const node = (...args: string[]) => exec(process.execPath, args, { cwd: project })

  it.each([
    ...PACKAGES.map((name): [string, string[]] => [name, PUBLIC[name]]),
    ['immich/metrics', ['immichMetrics']] satisfies [string, string[]],
    ...Object.entries(PARTS).map(([part, keys]): [string, string[]] => [`core/${part}`, keys]),
  ])('imports and requires %s, with the same names', async (name, expected) => {
    const keys = `console.log(Object.keys(it).filter((key) => key !== 'default').sort().join())`
    const esm = await node(
      '--input-type=module',
      '-e',
      `import * as it from '@immich-ml-router/${name}'; ${keys}`,
    )
    const cjs = await node(
      '--input-type=commonjs',
      '-e',
      `const it = require('@immich-ml-router/${name}'); ${keys}`,
    )
    expect(esm.stdout).toBe(cjs.stdout)
    expect(esm.stdout.trim().split(',')).toEqual(expected)
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
    const { stdout } = await npx(['--yes', '-p', 'node@20', 'node', 'old-node.cjs'], project)
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
const router = { on: () => () => {}, status: () => ({ now: 0 }) }
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
      const manifest = join(project, 'node_modules/@immich-ml-router', name, 'package.json')
      expect(JSON.parse(await readFile(manifest, 'utf8')).engines).toEqual({ node: '>=22.19' })
    }
  })

  it('has what is optional in its own entry point alone', async () => {
    const dist = join(project, 'node_modules/@immich-ml-router/core/dist')
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

  const examples: readonly [document: string, name: string][] = [
    ['README.md', 'express'],
    ...['composed', 'router', 'reload', 'file', 'koa-composed', 'core', 'explain', 'tracing', 'logging'].map(
      (name): [string, string] => ['docs/library.md', name],
    ),
    ['docs/configure.md', 'in-code'],
    ['docs/metrics.md', 'metrics'],
    ['docs/status-page.md', 'status-page'],
    ['CONTRIBUTING.md', 'strategy'],
    ...EXAMPLE_READMES.map((name): [string, string] => [`packages/${name}/README.md`, `package-${name}`]),
    ...KIT_EXAMPLES.map((name): [string, string] => ['packages/gateway-kit/README.md', name]),
  ]

  it.each([
    ['node16', 'esm', { module: 'node16', moduleResolution: 'node16' }],
    ['node16', 'cjs', { module: 'node16', moduleResolution: 'node16' }],
    ['bundler', 'esm', { module: 'esnext', moduleResolution: 'bundler' }],
  ])(
    'type-checks the examples of the docs (%s, %s)',
    async (resolution, kind, options) => {
      const extension = kind === 'esm' ? 'mts' : 'cts'
      for (const [document, name] of examples) {
        // CommonJS knows no await at the top level.
        if (kind === 'esm' || !['core', ...KIT_EXAMPLES].includes(name))
          await write(`${name}.${extension}`, exampleOf(document, name))
      }
      // The examples of core/testing have an await at the top level.
      const testing = kind === 'esm' ? ['FakeClock', 'StubMlServer', 'immichBody', 'immichForm'] : []
      for (const name of [...PUBLIC.core, ...testing])
        await write(`api-${name}.${extension}`, sourceExampleOf(name))
      if (kind === 'esm') await write('api-testing.mts', moduleExampleOf('testing/index.ts'))
      for (const name of ['core', 'express', 'koa'])
        await write(`readme-${name}.${extension}`, moduleOf(`packages/${name}/README.md`))
      await write(`types.${extension}`, TYPES)
      const config = `tsconfig.${resolution}.${kind}.json`
      const compilerOptions = {
        ...options,
        strict: true,
        noEmit: true,
        target: 'es2023',
        types: ['node'],
        esModuleInterop: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
      }
      await write(config, JSON.stringify({ compilerOptions, include: [`*.${extension}`] }))
      const { stdout } = await node('node_modules/typescript/bin/tsc', '-p', config).catch((error) => error)
      // What DefinitelyTyped has wrong is not ours to mend: @types/koa 3.0.3 does not fit content-disposition 3.
      const ours = String(stdout)
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('node_modules/@types/'))
      expect(ours).toEqual([])
    },
    60_000,
  )

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
    const child = fork(join(project, `run-${name}.mjs`), {
      cwd: project,
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

  const servers = examples.filter(([, name]) => !['core', 'file', 'strategy', ...KIT_EXAMPLES].includes(name))

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
