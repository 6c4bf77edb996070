// Runs the workspace's commands on a machine that has nothing but Node 20 or later and npm: it installs what is
// missing, with pnpm from npx, and then runs everything on the Node 24 that comes with the installation.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PNPM = 'pnpm@12.21.0'
const windows = process.platform === 'win32'
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const node = join(modules, 'node', 'bin', windows ? 'node.exe' : 'node')
const vitest = join(modules, 'vitest', 'vitest.mjs')
const results = join(modules, '.cache', 'vitest.json')

const commands = {
  start: (...given) => run(node, ['examples/express-gateway/src/main.ts', ...given]),
  example: (...given) => run(node, ['examples/setups/src/main.ts', ...given]),
  demo: () => run(node, ['examples/demo/src/main.ts']),
  bench: (...given) => run(node, ['bench/cost/main.ts', ...given]),
  'bench:sim': (...options) => run(node, ['bench/sim/main.ts', ...options]),
  'bench:pool': (...given) => run(node, ['bench/pool/main.ts', ...given]),
  'bench:queue': (...given) => run(node, ['bench/queue/main.ts', ...given]),
  'bench:page': () => run(node, ['bench/page/main.ts']),
  fuzz: (...given) => run(node, ['test/differential/main.ts', ...given]),
  screenshots: (...given) => run(node, ['test/screenshots/main.ts', ...given]),
  build,
  pack,
  docs: () =>
    runAll([
      ['schemas', [node, ['packages/core/scripts/generate-schema.ts']]],
      ['status page', [node, ['packages/core/scripts/generate-page.ts']]],
      ['configuration reference', [node, ['packages/core/scripts/generate-reference.ts']]],
      ['API reference', tool('typedoc/bin/typedoc')],
    ]),
  format: () => runAll([['lint and format', tool('@biomejs/biome/bin/biome', 'check', '--write', '.')]]),
  test,
  'test:node': testOn,
}

const [command = '', ...args] = process.argv.slice(2)
if (!Object.hasOwn(commands, command)) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(commands).join('|')}`)
  process.exit(2)
}
await install()
process.exitCode = await commands[command](...args)

async function build() {
  const packages = ['core', 'express', 'koa']
  return runAll([
    ['schemas', [node, ['packages/core/scripts/generate-schema.ts']]],
    ...packages.map((name) => [
      `build ${name}`,
      tool('tsup/dist/cli-default.js'),
      join(root, 'packages', name),
    ]),
    ['comments of types', [node, ['packages/core/scripts/generate-type-comments.ts']]],
  ])
}

/** The three packages as they are published, in `packed`. */
async function pack() {
  if ((await build()) !== 0) return 1
  const packages = ['core', 'express', 'koa']
  return runAll(
    packages.map((name) => [
      `pack ${name}`,
      ['npx', ['--yes', PNPM, 'pack', '--pack-destination', join(root, 'packed')]],
      join(root, 'packages', name),
    ]),
  )
}

/** Everything that a change must pass, on Node 24. */
async function test(...filters) {
  const failed = await runAll([
    ['lint and format', tool('@biomejs/biome/bin/biome', 'ci', '.')],
    ['types', tool('typescript-7/bin/tsc', '-p', '.')],
    ['types of the status page', tool('typescript-7/bin/tsc', '-p', 'packages/core/page')],
    ['types of the NestJS example', tool('typescript-7/bin/tsc', '-p', 'examples/embedding/nestjs')],
  ])
  if (failed !== 0 || (await build()) !== 0) return conclude(1, 0, 1)
  return vitestOn([node], filters)
}

/** The tests alone, on another major of Node: `npm run test:node -- 22`. */
async function testOn(major = '22', ...filters) {
  if ((await build()) !== 0) return conclude(1, 0, 1)
  return vitestOn(['npx', '--yes', '-p', `node@${major}`, 'node'], filters)
}

async function vitestOn([program, ...before], filters) {
  rmSync(results, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`]
  const code = await run(program, [...before, vitest, 'run', ...reporters, ...filters])
  if (!existsSync(results)) return conclude(code, 0, 1)
  const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = JSON.parse(
    readFileSync(results, 'utf8'),
  )
  for (const name of leftOut(testResults)) console.log(`left out: ${name}`)
  return conclude(code, numPassedTests, Math.max(numFailedTests, Math.min(numFailedTestSuites, code)))
}

/** Their names say why. */
function leftOut(files) {
  const tests = files.flatMap(({ assertionResults }) => assertionResults)
  return tests.filter(({ status }) => status === 'skipped').map(({ fullName }) => fullName)
}

function conclude(code, passed, failed) {
  console.log(`${passed} passed, ${failed} failed`)
  return code === 0 && failed > 0 ? 1 : code
}

/** Installs when the lockfile is not the one that was installed last. */
async function install() {
  const marker = join(modules, '.installed')
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex')
  if (existsSync(marker) && existsSync(node) && readFileSync(marker, 'utf8') === wanted) return
  console.log('Installing the dependencies; this takes a while the first time.')
  const code = await run('npx', ['--yes', PNPM, 'install', '--frozen-lockfile', '--loglevel=error'])
  if (code !== 0) process.exit(code)
  mkdirSync(dirname(results), { recursive: true })
  writeFileSync(marker, wanted)
}

function tool(path, ...toolArgs) {
  return [node, [join(modules, path), ...toolArgs]]
}

/** Runs steps in order up to the first that fails. */
async function runAll(steps) {
  for (const [name, [program, programArgs], cwd] of steps) {
    console.log(`> ${name}`)
    const code = await run(program, programArgs, cwd)
    if (code !== 0) return code
  }
  return 0
}

function run(program, programArgs, cwd = root) {
  return new Promise((resolve) => {
    const shell = windows && program === 'npx'
    const child = spawn(program, programArgs, { cwd, stdio: 'inherit', shell })
    const forward = (signal) => child.kill(signal)
    process.on('SIGTERM', forward)
    // A gateway reloads on it, or stops when its terminal is gone; by default it would end this process first.
    process.on('SIGHUP', forward)
    // npm puts a shell in between, which passes no signal on: where that was killed, this process has a new parent.
    const parent = process.ppid
    const orphaned = setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500)
    // The terminal sends SIGINT to the child as well: here it only must not end this process first.
    process.on('SIGINT', () => {})
    child.on('error', (error) => {
      console.error(`${program}: ${error.message}`)
      resolve(1)
    })
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', forward)
      process.off('SIGHUP', forward)
      clearInterval(orphaned)
      resolve(code ?? (signal === null ? 1 : 128))
    })
  })
}
