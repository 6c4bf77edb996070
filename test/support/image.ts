import { execFile, execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { ROOT } from './docs.ts'

const exec = promisify(execFile)

/** The files of an image, and its command. */
export interface Image {
  readonly directory: string
  readonly command: readonly string[]
}

interface Build {
  /** Contains the context and the root of each stage. */
  readonly root: string
  /** The directory of the stage that is being built. */
  directory: string
  stages: number
  readonly named: Map<string, string>
  command: readonly string[]
}

/**
 * Follows a Dockerfile without Docker: each stage is a directory, and RUN runs on this machine. The context is what git has,
 * as in a fresh clone.
 */
export async function buildImage(dockerfile: string): Promise<Image> {
  const root = await mkdtemp(join(tmpdir(), 'immich-ml-router-image-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const build: Build = { root, directory: root, stages: 0, named: new Map(), command: [] }
  const text = (await readFile(join(ROOT, dockerfile), 'utf8')).replaceAll('\\\n', ' ')
  await cloneInto(join(root, 'context'))
  for (const line of text.split('\n')) {
    const [, instruction = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? []
    await follow(build, instruction, rest)
  }
  return build
}

async function cloneInto(directory: string): Promise<void> {
  const list = [
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
    'packages',
    'examples',
    '*.yaml',
  ]
  const files = execFileSync('git', [...list, 'package.json'], { cwd: ROOT, encoding: 'utf8' }).split('\0')
  for (const file of files.filter((name) => name !== ''))
    await cp(join(ROOT, file), join(directory, file)).catch(ignoreDeleted)
}

/** git lists a deleted file until the deletion is committed. */
function ignoreDeleted(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

async function follow(build: Build, instruction: string, rest: string): Promise<void> {
  switch (instruction) {
    case 'FROM': {
      const [, name = ''] = /^\S+ AS (\S+)$/.exec(rest) ?? []
      build.directory = join(build.root, `stage-${build.stages++}`)
      build.named.set(name, build.directory)
      return
    }
    case 'WORKDIR':
      build.directory = join(build.directory, rest)
      await mkdir(build.directory, { recursive: true })
      return
    case 'COPY':
      return copy(build, rest.split(' '))
    case 'RUN': {
      const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter)
      await exec('sh', ['-c', rest], { cwd: build.directory, env: { ...process.env, PATH } })
      return
    }
    case 'CMD':
      build.command = JSON.parse(rest)
  }
}

async function copy({ root, directory, named }: Build, words: readonly string[]): Promise<void> {
  const [, stage] = /^--from=(.+)$/.exec(words[0] ?? '') ?? []
  const paths = words.filter((word) => !word.startsWith('--'))
  const target = join(directory, paths.at(-1) ?? '')
  for (const path of paths.slice(0, -1)) {
    const source = join(stage === undefined ? join(root, 'context') : (named.get(stage) ?? ''), path)
    const isInto = target.endsWith('/') && /\.\w+$/.test(path)
    await cp(source, isInto ? join(target, path.slice(path.lastIndexOf('/') + 1)) : target, {
      recursive: true,
      verbatimSymlinks: true,
    })
  }
}
