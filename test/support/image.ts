import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { delimiter, dirname, join, matchesGlob } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './docs.ts'
import { temporaryDirectory } from './temporary-file.ts'

const exec = promisify(execFile)
const { version } = JSON.parse(readFileSync(join(ROOT, 'packages/gateway/package.json'), 'utf8'))
/** The image with the newest tag that gets no breaking changes: 1 for 1.2.3, and 0.1 for 0.1.2. */
export const IMAGE = `ghcr.io/immich-ml-router/gateway:${/^(0\.\d+|\d+)/.exec(version)?.[0]}`

/** The files of the last stage of a Dockerfile, and its settings. */
export interface Image {
  /** The root of its file system, without the files of the base image. */
  readonly root: string
  /** Its working directory within {@link root}, on this machine. */
  readonly directory: string
  /** ENTRYPOINT and CMD. */
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly volumes: readonly string[]
}

interface Stage {
  readonly root: string
  directory: string
  entrypoint: readonly string[]
  cmd: readonly string[]
  healthcheck: readonly string[]
  env: Record<string, string>
  user: string
  volumes: string[]
}

interface Build {
  /** Contains the context and the root of each stage. */
  readonly root: string
  stage: Stage
  stages: number
  readonly named: Map<string, string>
}

/**
 * Follows a Dockerfile without Docker: each stage is a directory, and RUN runs on this machine. The context is what git has,
 * as in a fresh clone, without what `.dockerignore` excludes.
 */
export async function buildImage(dockerfile: string): Promise<Image> {
  const root = await temporaryDirectory()
  const build: Build = { root, stage: emptyStage(root), stages: 0, named: new Map() }
  await cloneInto(join(root, 'context'))
  for (const [instruction, rest] of instructionsOf(await readFile(join(ROOT, dockerfile), 'utf8')))
    await follow(build, instruction, rest)
  const { entrypoint, cmd, ...image } = build.stage
  return { ...image, command: [...entrypoint, ...cmd] }
}

/** The instructions of a Dockerfile, each with the rest of its line. */
export function instructionsOf(text: string): [instruction: string, rest: string][] {
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
  return lines.flatMap((line) => {
    const [, instruction, rest] = /^([A-Z]+) +(.*)$/.exec(line) ?? []
    return instruction === undefined || rest === undefined ? [] : [[instruction, rest]]
  })
}

function emptyStage(root: string): Stage {
  return { root, directory: root, entrypoint: [], cmd: [], healthcheck: [], env: {}, user: '', volumes: [] }
}

async function cloneInto(directory: string): Promise<void> {
  const patterns = (await readFile(join(ROOT, '.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => /^[^#]/.test(line))
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0')
  for (const file of files.filter((name) => name !== '' && !isIgnored(name, patterns)))
    await cp(join(ROOT, file), join(directory, file)).catch(ignoreDeleted)
}

/** The last pattern that matches a path, or a directory above it, decides. */
function isIgnored(path: string, patterns: readonly string[]): boolean {
  const segments = path.split('/')
  const paths = segments.map((_, i) => segments.slice(0, i + 1).join('/'))
  const decisive = patterns.findLast((pattern) =>
    paths.some((it) => matchesGlob(it, pattern.replace(/^!/, ''))),
  )
  return decisive !== undefined && !decisive.startsWith('!')
}

/** git lists a deleted file until the deletion is committed. */
function ignoreDeleted(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

async function follow(build: Build, instruction: string, rest: string): Promise<void> {
  const { stage } = build
  switch (instruction) {
    case 'FROM': {
      const [, name = ''] = / AS (\S+)$/.exec(rest) ?? []
      build.stage = emptyStage(join(build.root, `stage-${build.stages++}`))
      build.named.set(name, build.stage.root)
      await mkdir(build.stage.root)
      return
    }
    case 'WORKDIR':
      stage.directory = join(stage.root, rest)
      await mkdir(stage.directory, { recursive: true })
      return
    case 'COPY':
      return copy(build, rest.split(/ +/))
    case 'RUN': {
      const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter)
      await exec('sh', ['-c', rest], { cwd: stage.directory, env: { ...process.env, PATH } })
      return
    }
    default:
      configure(stage, instruction, rest)
  }
}

function configure(stage: Stage, instruction: string, rest: string): void {
  switch (instruction) {
    case 'ENV':
      for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) stage.env[name] = value
      return
    case 'USER':
      stage.user = rest
      return
    case 'VOLUME':
      stage.volumes.push(rest)
      return
    case 'HEALTHCHECK':
      stage.healthcheck = JSON.parse(rest.slice(rest.indexOf('CMD ') + 'CMD '.length))
      return
    case 'ENTRYPOINT':
      stage.entrypoint = JSON.parse(rest)
      return
    case 'CMD':
      stage.cmd = JSON.parse(rest)
  }
}

async function copy(
  { root, stage: { root: stageRoot, directory }, named }: Build,
  words: readonly string[],
): Promise<void> {
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length)
  const paths = words.filter((word) => !word.startsWith('--'))
  const to = paths.at(-1) ?? ''
  const target = to.startsWith('/') ? join(stageRoot, to) : join(directory, to)
  for (const path of paths.slice(0, -1)) {
    const source = join(from === undefined ? join(root, 'context') : (named.get(from) ?? ''), path)
    const isInto = target.endsWith('/') && /\.\w+$/.test(path)
    await cp(source, isInto ? join(target, path.slice(path.lastIndexOf('/') + 1)) : target, {
      recursive: true,
      verbatimSymlinks: true,
    })
  }
}
