import { execFile } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'
import { COMPILE_CACHE } from './support/gateway-process.ts'
import { stubMl } from './support/servers.ts'
import { temporaryDirectory } from './support/temporary-file.ts'
import { runOnTerminal } from './support/terminal.ts'
import { itNeeds } from './support/tools.ts'

/** Runs the gateway's command line without a terminal. */
function run(cwd: string, ...args: string[]) {
  const main = join(ROOT, 'packages/gateway/src/main.ts')
  const env = { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE }
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd, env, timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

// Each test runs several processes.
describe('immich-ml-router init', { timeout: 90_000 }, () => {
  it('writes a file that check --probe accepts, and says what to paste into Immich', async () => {
    const [gpu, nas] = [await stubMl({ serviceTime: 5 }), await stubMl({ serviceTime: 30 })]
    const cwd = await temporaryDirectory()
    const { code, stdout, stderr } = await run(
      cwd,
      'init',
      nas.url,
      gpu.url,
      '--name',
      'nas',
      '--name',
      'gpu',
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^backend +ping +text search +image indexing +faces +OCR\nnas +[\d.]+ ms +\d+ ms/)
    expect(stdout).toMatch(/Paste its URL into Immich \(Administration > .*:\n {2}http:\/\/[^:]+:3003 /)
    const text = await readFile(join(cwd, 'router.yaml'), 'utf8')
    expect(text).toContain(`  nas:\n    url: ${nas.url}\n`)
    expect(text).not.toContain('routes:')
    const probed = await run(cwd, 'check', 'router.yaml', '--probe', '--model', 'clip=ViT-L-14__openai')
    const models = nas.received.slice(8).map(({ jobs }) => jobs[0]?.model)
    expect([...new Set(models)]).toEqual(['ViT-L-14__openai', 'buffalo_l', 'PP-OCRv5_mobile'])
    expect([probed.code, probed.stderr]).toEqual([0, ''])
    expect(probed.stdout).toMatch(/\nProbe:\n {2}backend.*\n {2}nas .*\n {2}gpu .*\n/)
    expect(probed.stdout).not.toMatch(/Warnings|Errors/)
  })

  it('routes searches to what is always on, and holds images for what sleeps', async () => {
    const [nas, gpu] = [await stubMl({ fault: { kind: 'lacks', types: ['ocr/detection'] } }), await stubMl()]
    const cwd = await temporaryDirectory()
    const flags = ['--name', 'nas', '--name', 'gpu', '--mac', 'gpu=aa:bb:cc:dd:ee:ff', '-o', 'my.yaml']
    expect(await run(cwd, 'init', nas.url, gpu.url, ...flags)).toMatchObject({ code: 0, stderr: '' })
    const probed = await run(cwd, 'check', 'my.yaml', '--probe')
    expect(probed).toMatchObject({ code: 0, stderr: '' })
    expect(probed.stdout).toContain('  text search: nas, then gpu\n')
    expect(probed.stdout).toContain('  everything else: gpu\n')
    await gpu.setFault('refuse')
    await nas.setFault({ kind: 'status', status: 401 })
    const broken = await run(cwd, 'check', 'my.yaml', '--probe')
    expect(broken.code).toBe(0)
    expect(broken.stdout).toContain('requests wait until gpu wakes up')
    expect(broken.stdout).toContain('nas: answered 401 Unauthorized: set backends.nas.auth')
    await writeFile(join(cwd, 'nas.yaml'), `backends: { nas: { url: "${nas.url}" } }`)
    const alone = await run(cwd, 'check', 'nas.yaml', '--probe')
    expect([alone.code, alone.stdout]).toEqual([1, expect.stringContaining('Errors of the probe:\n')])
  })

  it('writes servers that do not answer as comments, or as sleeping', async () => {
    const [nas, off] = [await stubMl(), await stubMl({ fault: 'refuse' })]
    const cwd = await temporaryDirectory()
    const args = ['init', nas.url, off.url, '--name', 'nas', '--name', 'old']
    const { code, stdout } = await run(cwd, ...args)
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining('old: connection refused: start the ML server'),
    ])
    expect(await readFile(join(cwd, 'router.yaml'), 'utf8')).toContain(`  # old:\n  #   url: ${off.url}\n`)
    expect(await run(cwd, ...args)).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') })
    const sleeping = await run(cwd, ...args, '--force', '--sleeps', off.url)
    expect(sleeping.stdout).toMatch(/Not known yet, since the machine sleeps:\n {2}old: connection refused/)
    expect(await run(cwd, 'check', 'router.yaml')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('everything else: old'),
    })
  })

  it('writes no file without a server that can be used', async () => {
    const off = await stubMl({ fault: 'refuse' })
    const cwd = await temporaryDirectory()
    const { code, stderr } = await run(cwd, 'init', off.url)
    expect([code, stderr]).toEqual([1, expect.stringMatching(/router\.yaml is not written(.|\n)*--sleeps/)])
    await expect(stat(join(cwd, 'router.yaml'))).rejects.toThrow('ENOENT')
  })

  it('keeps a file with a password private', async () => {
    const ml = await stubMl()
    const cwd = await temporaryDirectory()
    const { stdout } = await run(cwd, 'init', ml.url.replace('://', '://me:s3cret@'))
    expect(stdout).not.toContain('s3cret')
    expect((await stat(join(cwd, 'router.yaml'))).mode & 0o777).toBe(0o600)
    expect(await run(cwd, 'check', 'router.yaml', '--probe')).toMatchObject({ code: 0 })
  })

  it('exits with 2 if the command line is wrong', async () => {
    const cwd = await temporaryDirectory()
    const commands = [['init'], ['init', 'gpu', '--sleeps', 'nas'], ['check', '--model', 'faces=x']]
    const wrong = await Promise.all(commands.map((args) => run(cwd, ...args)))
    expect(wrong).toEqual([
      { code: 2, stdout: '', stderr: expect.stringContaining('the URLs of your ML servers are missing') },
      {
        code: 2,
        stdout: '',
        stderr: expect.stringContaining('--sleeps nas: no backend has this name or URL'),
      },
      { code: 2, stdout: '', stderr: expect.stringContaining('Write it like clip=ViT-L-14__openai') },
    ])
  })

  itNeeds('python')('asks on a terminal', async () => {
    const [nas, gpu] = [await stubMl(), await stubMl()]
    const cwd = await temporaryDirectory()
    const { text, code } = await runOnTerminal(
      ['init'],
      [
        { after: 'separated by spaces', keys: `${nas.url} ${gpu.url}\r` },
        { after: 'Which machines sleep', keys: '\u001b[B \r' },
        { after: 'MAC address of ml-2', keys: 'aa:bb:cc:dd:ee:ff\r' },
      ],
      { cwd },
    )
    expect([code, text]).toEqual([0, expect.stringContaining('router.yaml is written.')])
    expect(await readFile(join(cwd, 'router.yaml'), 'utf8')).toContain('wake: { mac: "aa:bb:cc:dd:ee:ff" }')
    expect(await run(cwd, 'check', 'router.yaml', '--probe')).toMatchObject({ code: 0 })
  })

  itNeeds('python')('writes nothing after Ctrl+C', async () => {
    const cwd = await temporaryDirectory()
    const answers = [{ after: 'separated by spaces', keys: '\u0003' }]
    const { text, code } = await runOnTerminal(['init'], answers, { cwd })
    expect([code, text]).toEqual([1, expect.stringContaining('Cancelled; nothing was written.')])
    await writeFile(join(cwd, 'router.yaml'), '', { flag: 'wx' })
  })
})
