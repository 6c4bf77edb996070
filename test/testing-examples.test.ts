import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { moduleExampleOf, ROOT, sourceExampleOf } from './support/docs.ts'

/** Runs a program in a process of its own. @returns What it prints. */
async function run(program: string): Promise<string> {
  const args = ['--input-type=module-typescript', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: join(ROOT, 'test') })
  return stdout
}

describe('the examples of core/testing', () => {
  it('the gateway test passes', async () => {
    const example = moduleExampleOf('testing/index.ts')
    expect(example.slice(example.indexOf('test(')).trim().split('\n').length).toBeLessThanOrEqual(20)
    expect(await run(example)).toMatch(/pass 1\n[\s\S]*fail 0\n/)
  })

  it.each([
    ['FakeClock', '503\n'],
    ['StubMlServer', '200\n502 2\n'],
  ])('%s prints what its comments say', async (name, printed) => {
    expect(await run(sourceExampleOf(name))).toBe(printed)
  })
})
