import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'

/** typedoc.json makes warnings errors: exports without documentation, missing types and broken links. */
it('the API reference builds without warnings', async () => {
  const typedoc = join(ROOT, 'node_modules/typedoc/bin/typedoc')
  const build = promisify(execFile)(process.execPath, [typedoc, '--emit', 'none'], { cwd: ROOT })
  const messages = await build.then(
    () => '',
    ({ stdout, stderr }) => `${stdout}${stderr}`,
  )
  expect(messages).toBe('')
}, 120_000)
