import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import type { Results } from './bench.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** It starts processes one after the other. */
const PATIENCE = 60_000

async function bench(...args: string[]): Promise<{ stdout: string; files: string[]; results: Results }> {
  const out = mkdtempSync(join(tmpdir(), 'bench-queue-'))
  onTestFinished(() => rmSync(out, { recursive: true, force: true }))
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'queue', ...args, '--out', out])
  const results: Results = JSON.parse(readFileSync(join(out, 'queue.json'), 'utf8'))
  return { stdout, files: readdirSync(out).sort(), results }
}

it('the smallest bench of two faults measures, prints and saves', { timeout: PATIENCE }, async () => {
  const asked = ['--rows', 'both-down,restart', '--contenders', 'router,immich', '--seconds', '2']
  const { stdout, files, results } = await bench(...asked)
  expect(stdout).toContain('this router')
  expect(files).toEqual(['queue.json', 'queue.svg'])
  const [router, list, restarted] = results.cells
  expect(router).toMatchObject({ row: 'both-down', contender: 'router', restart: null })
  expect(list).toMatchObject({ contender: 'immich', failures: { ECONNREFUSED: expect.any(Number) } })
  // The gateway is started again, on the same port.
  expect(restarted).toMatchObject({
    row: 'restart',
    contender: 'router',
    restart: { stopped: expect.any(Number) },
  })
  expect(restarted?.restart?.stopped).toBeGreaterThan(0)
})

it('reports invalid arguments', async () => {
  const refused = promisify(execFile)(process.execPath, [MAIN, 'queue', '--rows', 'nine'])
  await expect(refused).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nothing is called "nine"; there are baseline; 401'),
  })
})
