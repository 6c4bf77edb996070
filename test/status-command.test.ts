import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { immichBody } from '@immich-ml-router/core/testing'
import type { Report } from '@immich-ml-router/status-page'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { ROOT } from './support/docs.ts'
import { COMPILE_CACHE, startProcess } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { file } from './support/temporary-file.ts'
import { runOnTerminal } from './support/terminal.ts'
import { itNeeds } from './support/tools.ts'

const MAIN = join(ROOT, 'packages/gateway/src/main.ts')

function status(args: readonly string[], env: Record<string, string> = {}) {
  const { PATH = '' } = process.env
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { env: { PATH, NODE_COMPILE_CACHE: COMPILE_CACHE, ...env }, timeout: 30_000 }
    execFile(process.execPath, [MAIN, 'status', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** A gateway that has answered a search and an OCR request, and holds a request for a backend that is down. */
async function busyGateway() {
  const [nas, gpu] = [await stubMl(), await stubMl({ fault: { kind: 'lacks', types: ['clip/visual'] } })]
  const config = await file(
    'router.yaml',
    `backends:
  nas: { url: ${nas.url}, maxConcurrent: 4 }
  gpu: { url: ${gpu.url} }
  off: { url: 'http://127.0.0.1:1', wake: { mac: 'aa:bb:cc:dd:ee:ff', broadcast: 127.0.0.1 } }
routes:
  - { match: { task: facial-recognition }, backends: [off] }
  - { match: { task: clip, type: visual }, backends: [gpu, nas], strategy: first }
  - backends: [nas]
`,
  )
  const gateway = await startProcess('package', { ROUTER_CONFIG: config, HOST: '127.0.0.1' })
  for (const job of ['textSearch', 'ocr', 'indexing'] as const)
    expect((await post(gateway.url, immichBody(job))).status).toBe(200)
  const held = post(gateway.url, immichBody('faces')).catch(() => {})
  onTestFinished(async () => {
    gateway.child.kill('SIGKILL')
    await held
  })
  const report = async () => (await (await fetch(`${gateway.url}/_router/status.json`)).json()) as Report
  await until(async () => (await report()).waiting.count === 1, 'a request is held')
  return gateway
}

// Each test runs several processes.
describe('immich-ml-router status', { timeout: 90_000 }, () => {
  it('prints the backends, what waits, and the last decisions', async () => {
    const { url } = await busyGateway()
    const { port } = new URL(url)
    const { code, stdout, stderr } = await status([], { PORT: port, HOST: '127.0.0.1' })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^\d\d:\d\d:\d\d {2}running, 1 in progress, version [\d.]+, up for \d+ s\nlast minute: [\d.]+ jobs\/min; p95: text search [\d.]+ ms, image indexing [\d.]+ ms, OCR [\d.]+ ms\nlast 15 min: /,
    )
    expect(stdout).toMatch(/\nnas +healthy +[\d.]+ +\d+ % +0\/4 .*text search [\d.]+ ms/)
    expect(stdout).toMatch(/\ngpu +healthy .*lacks image indexing/)
    expect(stdout).toMatch(/\noff +(down|unknown) +0 +\d+ % +0\/2 +1 /)
    expect(stdout).toMatch(/\n0 queued, 1 held\.\nroute .*\nfacial-recognition +held +faces +1 +\d+ s\n/)
    expect(stdout).toMatch(/image indexing +nas +answered after retry \(200\) .*501/)
    expect(stdout).not.toContain('\u001b')
    const { stdout: json } = await status([url, '--json'])
    expect(JSON.parse(json)).toMatchObject({ whole: true, waiting: { count: 1 } })
  })

  it.each([
    ['text', []],
    ['JSON', ['--json']],
  ])('ends quietly when the reader of its %s has ended', async (_, args) => {
    const { url } = await busyGateway()
    const child = spawn(process.execPath, [MAIN, 'status', url, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    child.stdout.destroy()
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    expect([await once(child, 'close'), errors]).toEqual([[0, null], ''])
  })

  it('prints it again every 2 s until a signal, without a terminal', async () => {
    const { url } = await busyGateway()
    const child = spawn(process.execPath, [MAIN, 'status', url, '--watch'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
    await until(() => output.split('running, ').length === 3, 'it has been printed twice')
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  itNeeds('python')('redraws on a terminal in colour, until Ctrl+C', async () => {
    const { url } = await busyGateway()
    const answers = [
      { after: 'Ctrl+C ends', keys: '' },
      { after: 'Ctrl+C ends', keys: '\u0003' },
    ]
    const { text, code } = await runOnTerminal(['status', url, '--watch'], answers)
    expect(code).toBe(0)
    expect(text.split('\u001b[H\u001b[J')).toHaveLength(3)
    expect(text).toContain('\u001b[32mhealthy\u001b[39m')
    const plain = await runOnTerminal(['status', url], [], { env: { NO_COLOR: '1' } })
    expect(plain.text).not.toContain('\u001b[')
  })

  it('exits with 1 if there is no status', async () => {
    const { url } = await stubMl({ fault: 'refuse' })
    expect(await status([url])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('does not answer (connection refused): start the gateway'),
    })
  })
})
