// Runs the commands of the workspace on any machine with Node 20 or later and npm. It installs the dependencies with
// pnpm from npx, generates the files that git ignores, then runs the command on the Node 24 from node_modules.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PNPM = 'pnpm@12.21.0'
const windows = process.platform === 'win32'
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const node = join(modules, 'node', 'bin', windows ? 'node.exe' : 'node')
const vitest = join(modules, 'vitest', 'vitest.mjs')
const results = join(modules, '.cache', 'vitest.json')
/** In the order in which they are built: the others depend on core. */
const packages = ['core', 'express', 'koa', 'status-page', 'immich', 'search-cache', 'gateway-kit', 'gateway']

const references = [
  ['configuration reference', [node, ['packages/core/scripts/generate-reference.ts']]],
  ['API reference', tool('typedoc/bin/typedoc')],
]

const commands = {
  start,
  example: (...options) => run(node, ['examples/setups/src/main.ts', ...options]),
  demo: () => run(node, ['examples/demo/src/main.ts']),
  bench: (...given) => run(node, ['bench/main.ts', 'cost', ...given]),
  'bench:sim': (...given) => run(node, ['bench/main.ts', 'sim', ...given]),
  'bench:pool': (...given) => run(node, ['bench/main.ts', 'pool', ...given]),
  'bench:queue': (...given) => run(node, ['bench/main.ts', 'queue', ...given]),
  'bench:page': () => run(node, ['bench/main.ts', 'page']),
  'bench:start': async () => (await build()) || run(node, ['bench/main.ts', 'start']),
  fuzz: (...given) => run(node, ['test/differential/main.ts', ...given]),
  screenshots: (...given) => run(node, ['test/screenshots/main.ts', ...given]),
  build,
  pack,
  docs: () => runAll(references),
  'docs:build': () => runAll([...references, ['docs site', vitepress('build', 'docs')]]),
  'docs:dev': (...options) => runAll([...references, ['docs site', vitepress('dev', 'docs', ...options)]]),
  format: () => runAll([['lint and format', tool('@biomejs/biome/bin/biome', 'check', '--write', '.')]]),
  test,
  'test:node': testOn,
  'test:watch': (...filters) => run(node, [vitest, 'watch', ...filters]),
}

// The terminal also sends SIGINT to the child, so this process only has to outlive the child.
process.on('SIGINT', () => {})
const [command = '', ...args] = process.argv.slice(2)
if (!Object.hasOwn(commands, command)) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(commands).join('|')}`)
  process.exit(2)
}
await install()
if (command !== 'format') {
  await generate()
  await generatePage()
}
process.exitCode = await commands[command](...args)

/** Runs the gateway. Without a command or a configuration, it runs the demo. */
function start(...given) {
  const isConfigured = ['ROUTER_CONFIG', 'ML_TEXT_URL', 'ML_IMAGE_URL', 'ML_DEFAULT_URL'].some(
    (name) => process.env[name],
  )
  return run(node, ['packages/gateway/src/main.ts', ...(given.length > 0 || isConfigured ? given : ['demo'])])
}

async function build() {
  return runAll([
    ...packages.map((name) => [
      `build ${name}`,
      tool('tsup/dist/cli-default.js'),
      join(root, 'packages', name),
    ]),
    ['comments of types', [node, ['packages/core/scripts/generate-type-comments.ts']]],
  ])
}

/** Builds for the tests: a run on Node 22 before the one on Node 24 has already built the same sources. */
async function buildOnce() {
  const marker = join(modules, '.built')
  const folders = packages.map((name) => join('packages', name))
  const sources = [...folders.map((folder) => join(folder, 'src')), 'packages/core/scripts']
  const files = sources.flatMap((folder) => sourcesIn(join(root, folder)))
  const settings = folders.flatMap((folder) => [join(folder, 'package.json'), join(folder, 'tsup.config.ts')])
  const hash = hashOf([
    ...files,
    ...['pnpm-lock.yaml', 'tsup.shared.ts', ...settings].map((name) => join(root, name)),
  ])
  if (folders.every((folder) => existsSync(join(root, folder, 'dist'))) && isCurrent(marker, hash)) return 0
  rmSync(marker, { force: true })
  const code = await build()
  if (code === 0) writeFileSync(marker, hash)
  return code
}

/** Writes the packages to `packed`, as they are published. */
async function pack() {
  if ((await build()) !== 0) return 1
  return runAll(
    packages.map((name) => [
      `pack ${name}`,
      ['npx', ['--yes', PNPM, 'pack', '--pack-destination', join(root, 'packed')]],
      join(root, 'packages', name),
    ]),
  )
}

/** Every check that a change must pass, on Node 24. */
async function test(...filters) {
  const failed = await runAll([
    ['lint and format', tool('@biomejs/biome/bin/biome', 'ci', '.')],
    ['types', tool('typescript-7/bin/tsc', '-p', '.')],
    ['types of the status page', tool('typescript-7/bin/tsc', '-p', 'packages/status-page/page')],
    ['types of the docs site', tool('typescript-7/bin/tsc', '-p', 'docs/.vitepress')],
    ['types of the NestJS example', tool('typescript-7/bin/tsc', '-p', 'examples/embedding/nestjs')],
  ])
  if (failed !== 0 || (await buildOnce()) !== 0) return printTotals(1, 0, 1)
  return vitestOn([node], filters)
}

/** Only the tests, on another major version of Node: `npm run test:node -- 22`. */
async function testOn(major = '22', ...filters) {
  if ((await buildOnce()) !== 0) return printTotals(1, 0, 1)
  return vitestOn(['npx', '--yes', '-p', `node@${major}`, 'node'], filters)
}

async function vitestOn([program, ...programArgs], filters) {
  rmSync(results, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`]
  const code = await run(program, [...programArgs, vitest, 'run', ...reporters, ...filters])
  if (!existsSync(results)) return printTotals(code, 0, 1)
  const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = JSON.parse(
    readFileSync(results, 'utf8'),
  )
  for (const name of skippedTests(testResults)) console.log(`skipped: ${name}`)
  return printTotals(code, numPassedTests, Math.max(numFailedTests, Math.min(numFailedTestSuites, code)))
}

/** The full names of the skipped tests; each name contains the reason. */
function skippedTests(files) {
  const tests = files.flatMap(({ assertionResults }) => assertionResults)
  return tests.filter(({ status }) => status === 'skipped').map(({ fullName }) => fullName)
}

function printTotals(code, passed, failed) {
  console.log(`${passed} passed, ${failed} failed`)
  return code === 0 && failed > 0 ? 1 : code
}

/** Installs the dependencies if the lockfile has changed since the last installation. */
async function install() {
  const marker = join(modules, '.installed')
  const hash = hashOf([join(root, 'pnpm-lock.yaml')])
  if (existsSync(node) && isCurrent(marker, hash)) return
  console.log('Installing the dependencies. The first installation takes some minutes.')
  const code = await run('npx', ['--yes', PNPM, 'install', '--frozen-lockfile', '--loglevel=error'])
  if (code !== 0) process.exit(code)
  mkdirSync(dirname(results), { recursive: true })
  writeFileSync(marker, hash)
}

/** Generates the files that programs, tests and editors read but git ignores, if their sources have changed. */
async function generate() {
  const [core, page] = ['core', 'status-page'].map((name) => join(root, 'packages', name))
  await generateOnce('.generated', {
    script: join(core, 'scripts', 'generate-schema.ts'),
    outputs: ['config.schema.json', 'policy.schema.json'].map((name) => join(core, name)),
    sources: ['src', 'scripts'].flatMap((folder) => sourcesIn(join(core, folder))),
  })
  await generateOnce('.generated-status', {
    script: join(page, 'scripts', 'generate-schema.ts'),
    outputs: [join(page, 'status.schema.json')],
    sources: [join(page, 'src', 'wire.ts'), ...sourcesIn(join(page, 'scripts'))],
  })
}

/** Runs a script unless its outputs exist and its sources are the same as last time. */
async function generateOnce(name, { script, outputs, sources }) {
  const marker = join(modules, name)
  const hash = hashOf(sources)
  if (outputs.every((path) => existsSync(path)) && isCurrent(marker, hash)) return
  const code = await run(node, [script])
  if (code !== 0) process.exit(code)
  writeFileSync(marker, hash)
}

function sourcesIn(folder) {
  const names = readdirSync(folder, { recursive: true })
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name))
}

function hashOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths.sort()) hash.update(`${path}\n`).update(readFileSync(path))
  return hash.digest('hex')
}

/** Whether the marker was written for the same content. */
function isCurrent(marker, hash) {
  return existsSync(marker) && readFileSync(marker, 'utf8') === hash
}

/** Every command needs the page, in the state of its sources: the gateways run from the sources, and git has no copy. */
async function generatePage() {
  const code = await run(node, ['packages/status-page/scripts/generate-page.ts'])
  if (code !== 0) process.exit(code)
}

function tool(path, ...toolArgs) {
  return [node, [join(modules, path), ...toolArgs]]
}

function vitepress(...options) {
  return [node, [join(root, 'docs/node_modules/vitepress/bin/vitepress.js'), ...options]]
}

/** Runs the steps in order and stops at the first that fails. */
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
    // A gateway reloads on SIGHUP. Without a handler, the signal ends this process first.
    process.on('SIGHUP', forward)
    // npm starts a shell that forwards no signals. When that shell is killed, this process gets a new parent.
    const parent = process.ppid
    const orphaned = setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500)
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
