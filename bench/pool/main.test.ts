import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import type { Results } from './bench.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

it('the smallest bench of a pool measures, prints and saves', async () => {
  const out = mkdtempSync(join(tmpdir(), 'bench-pool-'))
  onTestFinished(() => rmSync(out, { recursive: true, force: true }))
  const small = ['--pool', 'three', '--strategy', 'peak-ewma/by-hand', '--in-flight', '8']
  const short = ['--seconds', '0.5', '--idle', '0.3', '--imports', '0', '--out', out]
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'pool', ...small, ...short])
  expect(stdout).toContain('peak-ewma, by hand')
  expect(readdirSync(out).sort()).toEqual(['pool-searches.svg', 'pool-throughput.svg', 'pool.json'])
  const results: Results = JSON.parse(readFileSync(join(out, 'pool.json'), 'utf8'))
  expect(results.cells).toMatchObject([{ pool: 'three', inFlight: 8, failures: {} }])
  const [cell] = results.cells
  expect(cell?.share).toBeGreaterThan(0)
})

it('reports invalid arguments', async () => {
  const refused = promisify(execFile)(process.execPath, [MAIN, 'pool', '--pool', 'nine'])
  await expect(refused).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nothing is called "nine"; there are three; eight; changing'),
  })
})
