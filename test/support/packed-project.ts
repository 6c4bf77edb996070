import { execFile } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './docs.ts'
import { EXAMPLE_READMES } from './package-readme.ts'
import { KIT_EXAMPLES, PACKAGES } from './packed-packages.ts'
import { makeDirectory, removeDirectory } from './temporary-file.ts'

const exec = promisify(execFile)
const shell = process.platform === 'win32'

/** The examples of the documents, by name. */
export const EXAMPLES: readonly [document: string, name: string][] = [
  ['README.md', 'express'],
  ...['composed', 'router', 'reload', 'file', 'koa-composed', 'core', 'explain', 'tracing', 'logging'].map(
    (name): [string, string] => ['docs/library.md', name],
  ),
  ['docs/configure.md', 'in-code'],
  ['docs/metrics.md', 'metrics'],
  ['docs/status-page.md', 'status-page'],
  ['CONTRIBUTING.md', 'strategy'],
  ...EXAMPLE_READMES.map((name): [string, string] => [`packages/${name}/README.md`, `package-${name}`]),
  ...KIT_EXAMPLES.map((name): [string, string] => ['packages/gateway-kit/README.md', name]),
]

/** A project outside the workspace that has installed the packed packages. */
export interface PackedProject {
  readonly path: string
  /** The paths of the packed packages, by name. */
  readonly tarballs: Readonly<Record<string, string>>
  remove(): Promise<void>
}

/** Packs the packages as they are published, and installs them. @param types Other packages that the project needs. */
export async function packedProject(types: Readonly<Record<string, string>> = {}): Promise<PackedProject> {
  const path = await makeDirectory()
  // One process for all packages: each start of pnpm takes a second.
  const pack = ['pnpm', '-r', '--filter', './packages/*', 'pack', '--pack-destination', path]
  await exec('npx', ['--yes', '--package', 'pnpm@12.21.0', ...pack], { cwd: ROOT, shell })
  const packed = await readdir(path)
  const tarballs = Object.fromEntries(
    PACKAGES.map((name) => [
      name,
      join(path, packed.find((file) => /^immich-ml-router-(.+)-\d/.exec(file)?.[1] === name) ?? ''),
    ]),
  )
  const dependencies = {
    ...Object.fromEntries(PACKAGES.map((name) => [`@immich-ml-router/${name}`, `file:${tarballs[name]}`])),
    '@opentelemetry/api': '1.10.0',
    express: '5.3.0',
    koa: '3.3.0',
    pino: '10.4.0',
    'prom-client': '15.1.3',
    ...types,
  }
  await writeFile(join(path, 'package.json'), JSON.stringify({ private: true, dependencies }))
  await exec('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: path, shell })
  return { path, tarballs, remove: () => removeDirectory(path) }
}
