import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { immichBody, UNDECODABLE } from '@immich-ml-router/core/testing'
import type { Report } from '@immich-ml-router/status-page'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { exampleOf, ROOT } from './support/docs.ts'
import { spawnProgram, started } from './support/gateway-process.ts'
import { stubMl } from './support/servers.ts'
import { makeDirectory, removeDirectory } from './support/temporary-file.ts'

const exec = promisify(execFile)
const shell = process.platform === 'win32'
const MEGABYTE = 1024 * 1024
/** The command finds the Node of this test first. */
const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter)

describe('the packed gateway in an empty directory', () => {
  let directory: string
  let tarball: string
  const main = () => join(directory, 'node_modules/@immich-ml-router/gateway/dist/main.cjs')

  beforeAll(async () => {
    directory = await makeDirectory()
    const pack = ['--yes', '--package', 'pnpm@12.21.0', 'pnpm', 'pack', '--pack-destination', directory]
    await exec('npx', pack, { cwd: join(ROOT, 'packages/gateway'), shell })
    tarball = join(directory, (await readdir(directory)).find((name) => name.endsWith('.tgz')) ?? '')
    await writeFile(join(directory, 'package.json'), '{"private":true}')
    await exec('npm', ['install', '--no-audit', '--no-fund', '--offline', tarball], { cwd: directory, shell })
  }, 120_000)

  afterAll(() => removeDirectory(directory))

  it('is one file of code with no dependencies, smaller than 1 MB', async () => {
    const { stdout } = await exec('tar', ['-tzf', tarball])
    expect(stdout.trim().split('\n').sort()).toEqual(
      ['LICENSE', 'README.md', 'dist/main.cjs', 'package.json'].map((name) => `package/${name}`),
    )
    expect(await readdir(join(directory, 'node_modules/@immich-ml-router'))).toEqual(['gateway'])
    expect((await stat(tarball)).size).toBeLessThan(MEGABYTE)
    // Parts of packages that the gateway never runs; each would make every start slower.
    const code = await readFile(main(), 'utf8')
    const unused =
      /zod\/v4\/locales\/(?!en|index)|undici\/lib\/(?:web\/(?:fetch\/index|websocket|cache)|mock)/
    expect(unused.exec(code)?.[0]).toBeUndefined()
  })

  it('routes by the first configuration of its README, with npx', async () => {
    const [nas, gpu] = [await stubMl(), await stubMl()]
    const config = exampleOf('packages/gateway/README.md', 'gateway')
      .replace('http://192.168.1.10:3003', nas.url)
      .replace('http://192.168.1.20:3003', gpu.url)
    await writeFile(join(directory, 'router.yaml'), config)
    const args = ['immich-ml-router', 'router.yaml']
    const gateway = await started(spawnProgram({ cwd: directory, args }, { PATH }, { program: 'npx' }))
    expect((await post(gateway.url, immichBody('textSearch', 'cat'))).headers['x-immich-ml-backend']).toBe(
      'nas',
    )
    expect((await post(gateway.url, immichBody('ocr'))).headers['x-immich-ml-backend']).toBe('gpu')
    const { stdout } = await exec(process.execPath, [main(), 'health', gateway.url])
    expect(stdout).toBe('')
    // npx does not pass the signal on.
    process.kill(Number(gateway.lines[0]?.['pid']), 'SIGTERM')
    await gateway.exited
  }, 60_000)

  it('prints the help and the version, and runs the demo', async () => {
    expect((await exec(process.execPath, [main(), '--help'])).stdout).toMatch(/run \[file\](.|\n)*Exit codes/)
    expect((await exec(process.execPath, [main(), '--version'])).stdout).toBe('0.1.0\n')
    const demo = await started(spawnProgram({ cwd: directory, args: [main(), 'demo'] }, {}))
    expect((await post(demo.url, immichBody('textSearch', 'cat'))).status).toBe(200)
  })

  it('writes a configuration for running ML servers, checks it, and asks with canaries', async () => {
    const [nas, gpu] = [await stubMl(), await stubMl()]
    const command = (...args: string[]) => exec(process.execPath, [main(), ...args], { cwd: directory })
    await command('init', nas.url, gpu.url, '--name', 'nas', '--name', 'gpu', '--output', 'init.yaml')
    expect((await command('check', 'init.yaml', '--probe')).stdout).toMatch(/\n {2}nas .*\n {2}gpu .* ms\n$/)
    const gateway = await started(
      spawnProgram({ cwd: directory, args: [main(), 'init.yaml'] }, { HOST: '127.0.0.1' }),
    )
    // Every backend fails at this image, so the router asks with a canary whether the backend or the image is at fault.
    expect((await post(gateway.url, immichBody('indexing', Buffer.from(UNDECODABLE)))).status).toBe(500)
    const report: Report = JSON.parse((await command('status', gateway.url, '--json')).stdout)
    const canaries = report.backends.map((backend) => backend.canaries ?? { passed: 0, failed: 0 })
    expect(canaries.reduce((sum, { passed }) => sum + passed, 0)).toBeGreaterThan(0)
    expect(canaries.every(({ failed }) => failed === 0)).toBe(true)
  }, 60_000)

  it('says in one line which Node.js it needs, on an older one', async () => {
    const old = exec('npx', ['--yes', '-p', 'node@20', 'node', main()], { cwd: directory, shell })
    await expect(old).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^immich-ml-router needs Node\.js 22\.19 or later, and this is Node\.js 20\.[\d.]+ Update Node\.js\.\n$/,
      ),
    })
  }, 60_000)
})

/** Ports that fetch() refuses to use. */
const REFUSED_BY_FETCH = [5060, 5061, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 10_080]

/** A server of another program on the first of these ports that is free. */
async function otherServer([port, ...others]: readonly number[]): Promise<string> {
  const server = http.createServer((_req, res) => res.writeHead(404).end())
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
  } catch (error) {
    if (others.length === 0) throw error
    return otherServer(others)
  }
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${port}`
}

describe('immich-ml-router health', () => {
  const health = (url: string) =>
    exec(process.execPath, [join(ROOT, 'packages/gateway/src/main.ts'), 'health', url])

  it.each([
    [
      'nothing listens',
      async () => (await stubMl({ fault: 'refuse' })).url,
      /does not answer: .*ECONNREFUSED/,
    ],
    [
      'it is no gateway, on a port that fetch() refuses',
      async () => otherServer(REFUSED_BY_FETCH),
      /answers 404, but not like a gateway/,
    ],
    ['it answers nothing', async () => (await stubMl({ fault: 'freeze' })).url, /no answer within 2500 ms/],
  ])('fails where %s', async (_, url, stderr) => {
    await expect(health(await url())).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(stderr),
    })
  })
})
