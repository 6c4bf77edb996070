import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Writes a file to a directory that is removed after the test. */
export async function file(name: string, content: string | Buffer): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'immich-ml-router-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, name)
  await writeFile(path, content)
  return path
}
