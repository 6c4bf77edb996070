import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { imageBytes, immichBody, immichForm } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { makeContainer } from './support/container.ts'
import { ROOT } from './support/docs.ts'
import { spawnProgram, started } from './support/gateway-process.ts'
import { buildImage } from './support/image.ts'
import { stubMl, until } from './support/servers.ts'
import { temporaryDirectory } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

const BUILD = 240_000
/** The rest of the image: the packages of its base, as Debian compresses them. */
const BASE_BYTES = 8_000_000

/** A directory that every user may read. */
async function emptyDirectory(): Promise<string> {
  const directory = await temporaryDirectory()
  await chmod(directory, 0o755)
  return directory
}

/** The bytes of bodies on the disk of a gateway. */
async function spooledBytes(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  return Number(/^immich_ml_router_spool_bytes (\d+)$/m.exec(metrics)?.[1])
}

describe('the image of the gateway', () => {
  itNeeds('root')(
    'runs as its own user, writes to its volume alone, and has under 75 MB',
    async () => {
      const image = await buildImage('packages/gateway/Dockerfile')
      const program = join(image.root, 'usr/local/bin/immich-ml-router')
      expect(await readdir(image.root, { recursive: true })).toHaveLength(5)
      const compressed = [program, process.execPath].map(
        async (path) => gzipSync(await readFile(path), { level: 1 }).length,
      )
      const bytes = (await Promise.all(compressed)).reduce((sum, it) => sum + it, BASE_BYTES)
      expect(bytes).toBeLessThan(75_000_000)

      const [ml, config] = [await stubMl(), await emptyDirectory()]
      await mkdir(join(config, 'empty'))
      await writeFile(
        join(config, 'router.yaml'),
        `bodyMemory: 10kb\nbackends: { ml: { url: "${ml.url}" } }\n`,
      )
      const container = await makeContainer(image, config)
      const env = { PORT: '0', HOST: '127.0.0.1' }
      const gateway = await container.start(env)
      const body = immichBody('indexing', imageBytes(3_000_000))
      expect((await post(gateway.url, body)).status).toBe(200)
      await ml.setFault('hang')
      void post(gateway.url, body).catch(() => {})
      await until(async () => (await spooledBytes(gateway.url)) === body.length, 'the body is on disk')
      // The file of a body has no name, and the cache is Node's.
      expect(await readdir(container.volume)).toEqual(['cache'])

      const health = { ...env, PORT: new URL(gateway.url).port }
      expect(await container.run(image.healthcheck, health)).toEqual({ code: 0, output: '' })
      await ml.setFault('refuse')
      expect(await container.run(image.healthcheck, health)).toMatchObject({ code: 0 })
      gateway.child.kill('SIGTERM')
      expect(await gateway.exited).toBe(0)
      expect(await container.run(image.healthcheck, health)).toMatchObject({
        code: 1,
        output: expect.stringContaining('ECONNREFUSED'),
      })
      const unconfigured = { ...env, ROUTER_CONFIG_DEFAULT: '/config/empty/router.yaml' }
      expect(await container.run(image.command, unconfigured)).toMatchObject({
        code: 2,
        output: expect.stringMatching(
          /no backend is configured, and \/config\/empty\/router\.yaml does not exist/,
        ),
      })
    },
    BUILD,
  )
})

itNeeds('signals')(
  'the image of the stub ML server answers without development dependencies',
  async () => {
    const { directory, command } = await buildImage('examples/stub-ml/Dockerfile')
    const { url } = await started(
      spawnProgram({ cwd: directory, args: command.slice(1) }, { NODE_ENV: 'production' }),
    )
    const response = await fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch') })
    expect(await response.json()).toHaveProperty('clip')
  },
  BUILD,
)

describe('the image of the Express gateway', () => {
  itNeeds('signals')(
    'starts from a fresh clone, with the status page and without development dependencies',
    async () => {
      const { directory, command } = await buildImage('examples/express-gateway/Dockerfile')
      expect(command[0]).toBe('node')
      const { url } = await started(
        spawnProgram(
          { cwd: directory, args: command.slice(1) },
          { NODE_ENV: 'production', ML_DEFAULT_URL: (await stubMl()).url },
        ),
      )
      expect(await (await fetch(`${url}/_router`)).text()).toMatch(/^<!doctype html>/)
      expect((await fetch(`${url}/metrics`)).status).toBe(200)
      const installed = await readdir(join(directory, 'node_modules/.pnpm'))
      expect(installed.filter((it) => /^(esbuild|vitest|tsup)@/.test(it))).toEqual([])
    },
    BUILD,
  )

  it('is that of the Koa gateway but for the name, and neither has development dependencies', async () => {
    const [express = '', koa = ''] = await Promise.all(
      ['express', 'koa'].map((name) => readFile(join(ROOT, `examples/${name}-gateway/Dockerfile`), 'utf8')),
    )
    expect(koa.replaceAll('koa', 'express').replaceAll('Koa', 'Express')).toBe(express)
    for (const name of ['express', 'koa']) {
      const manifest = await readFile(join(ROOT, `examples/${name}-gateway/package.json`), 'utf8')
      expect(JSON.parse(manifest)).not.toHaveProperty('devDependencies')
    }
  })
})
