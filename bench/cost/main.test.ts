import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import type { Results } from './bench.ts'
import { obstacle, versions } from './tools.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const hindered = obstacle(versions()['wrk'], false)
const itHere = hindered === undefined ? it : it.skip

itHere(
  `the smallest bench of the cost measures, prints and saves${hindered ? ` (left out: ${hindered})` : ''}`,
  async () => {
    const out = mkdtempSync(join(tmpdir(), 'bench-cost-test-'))
    onTestFinished(() => rmSync(out, { recursive: true, force: true }))
    const small = ['--only', 'none,router,express,koa,http-proxy-3', '--parts', 'first-byte,classification']
    const { stdout } = await promisify(execFile)(process.execPath, [
      MAIN,
      'cost',
      ...small,
      '--rounds',
      '1',
      '--out',
      out,
    ])
    expect(stdout).toContain('first byte of a slow upload at the backend within 20 ms')
    expect(readdirSync(out).sort()).toEqual(['cost-first-byte.svg', 'cost.json'])
    const results: Results = JSON.parse(readFileSync(join(out, 'cost.json'), 'utf8'))
    const names = ['none', 'router', 'express', 'koa', 'http-proxy-3', 'http-proxy-3/close']
    expect(results.contenders.map(({ name }) => name)).toEqual(names)
    expect(results.firstBytes.map(({ delays }) => delays)).toEqual(
      names.slice(0, -1).map(() => [expect.any(Number)]),
    )
    expect(results.classification).toHaveLength(1)
  },
)

it('reports invalid arguments', async () => {
  const refused = promisify(execFile)(process.execPath, [MAIN, 'cost', '--only', 'apache'])
  await expect(refused).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nothing is called "apache"; there are none; floor; router'),
  })
})
