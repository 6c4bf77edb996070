import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { ROOT } from './support/docs.ts'

async function pages(directory: string): Promise<Record<string, string>> {
  const names = await readdir(directory, { recursive: true })
  const markdown = names.filter((name) => name.endsWith('.md')).sort()
  const texts = markdown.map(async (name) => [name, await readFile(join(directory, name), 'utf8')])
  return Object.fromEntries(await Promise.all(texts))
}

it('docs/api is what `npm run docs` makes of the code', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'api-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const typedoc = join(ROOT, 'node_modules/typedoc/bin/typedoc')
  await promisify(execFile)(process.execPath, [typedoc, '--out', directory], { cwd: ROOT })
  const [made, kept] = await Promise.all([pages(directory), pages(join(ROOT, 'docs/api'))])
  expect(Object.keys(kept)).toEqual(Object.keys(made))
  for (const [name, text] of Object.entries(made)) expect(kept[name], name).toBe(text)
}, 120_000)
