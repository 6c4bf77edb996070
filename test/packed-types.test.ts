// What does not depend on the version of Node that runs it: CI runs this file on one version only.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exampleOf, moduleExampleOf, sourceExampleOf } from './support/docs.ts'
import { moduleOf } from './support/package-readme.ts'
import { KIT_EXAMPLES, PACKAGES, PARTS, PUBLIC, TYPES } from './support/packed-packages.ts'
import { EXAMPLES, type PackedProject, packedProject } from './support/packed-project.ts'

const exec = promisify(execFile)
/** Of the packages that have some. */
const SCHEMAS: Readonly<Partial<Record<string, readonly string[]>>> = {
  core: ['config.schema.json', 'policy.schema.json'],
  'status-page': ['status.schema.json'],
}

let project: PackedProject

beforeAll(async () => {
  project = await packedProject({
    '@types/express': '5.0.6',
    '@types/koa': '3.0.3',
    '@types/node': '24.19.2',
    typescript: '7.0.2',
  })
}, 300_000)

afterAll(() => project.remove())

describe.each(PACKAGES)('the packed %s', (name) => {
  it('is found in order by publint', async () => {
    const { buffer, byteOffset, byteLength } = await readFile(project.tarballs[name] ?? '')
    const tarball = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
  })

  it('has types that are right for every kind of import', async () => {
    const analysis = await checkPackage(
      createPackageFromTarballData(new Uint8Array(await readFile(project.tarballs[name] ?? ''))),
    )
    expect('problems' in analysis ? analysis.problems : ['no types']).toEqual([])
  })

  it('holds what is needed and nothing else', async () => {
    const { stdout } = await exec('tar', ['-tzf', project.tarballs[name] ?? ''])
    const schemas = SCHEMAS[name] ?? []
    const entries = ['index', ...partsOf(name)].flatMap((entry) =>
      ['cjs', 'd.cts', 'd.ts', 'js'].map((extension) => `dist/${entry}.${extension}`),
    )
    // What all bundles of core share, without types of its own.
    const shared = ['errors', 'node-version'].flatMap((file) => [`dist/${file}.cjs`, `dist/${file}.js`])
    const core = name === 'core' ? shared : []
    const files = ['LICENSE', 'README.md', 'package.json', ...entries, ...core, ...schemas]
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
  const write = (name: string, text: string) => writeFile(join(project.path, name), text)
  const node = (...args: string[]) => exec(process.execPath, args, { cwd: project.path })

  it.each([
    ['node16', 'esm', { module: 'node16', moduleResolution: 'node16' }],
    ['node16', 'cjs', { module: 'node16', moduleResolution: 'node16' }],
    ['bundler', 'esm', { module: 'esnext', moduleResolution: 'bundler' }],
  ])(
    'type-checks the examples of the docs (%s, %s)',
    async (resolution, kind, options) => {
      const extension = kind === 'esm' ? 'mts' : 'cts'
      for (const [document, name] of EXAMPLES) {
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
})
