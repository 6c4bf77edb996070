import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new directory that is removed after the test. */
export async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'immich-ml-router-test-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** Writes a file to a directory that is removed after the test. */
export async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(await directory(), name)
  await writeFile(path, content)
  return path
}
