import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new directory that is removed after the test. */
export async function temporaryDirectory(): Promise<string> {
  const path = await makeDirectory()
  onTestFinished(() => removeDirectory(path))
  return path
}

/** A new directory for several tests, which have to remove it with {@link removeDirectory}. */
export function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'immich-ml-router-test-'))
}

/** Removes a directory, also while a program that has just been killed still adds a file. */
export async function removeDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 10 })
}

/** Writes a file to a directory that is removed after the test. */
export async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(await temporaryDirectory(), name)
  await writeFile(path, content)
  return path
}
