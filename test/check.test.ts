import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { checkConfig } from '../packages/gateway/src/commands/check.ts'
import { authority } from './support/certificates.ts'
import { post } from './support/client.ts'
import { ROOT } from './support/docs.ts'
import { spawnGateway, startProcess } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { temporaryDirectory } from './support/temporary-file.ts'

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of this repository to its end, with nothing but these variables. */
function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const inherited = { PATH: process.env['PATH'] ?? '' }
    const options = { cwd: ROOT, env: { ...inherited, ...env }, timeout: 20_000 }
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** Files in a directory of their own. */
async function files(texts: Record<string, string>): Promise<string> {
  const directory = await temporaryDirectory()
  for (const [name, text] of Object.entries(texts)) await writeFile(join(directory, name), text)
  return directory
}

const MAIN = 'packages/gateway/src/main.ts'

describe('immich-ml-router check', () => {
  const check = (env?: Record<string, string>) => run(MAIN, ['check'], env)

  it('says what a file configures, and starts nothing', async () => {
    const stub = await stubMl()
    const { cert, key } = await authority()
    const directory = await files({ 'ca.pem': cert, 'key.pem': key, token: 't0ken\n' })
    const path = join(directory, 'router.yaml')
    await writeFile(
      path,
      `backends:
  nas: { url: "${stub.url}", maxConcurrent: "\${SLOTS}" }
  gpu:
    url: \${GPU_URL:-https://gpu:3003}
    auth: { bearer: '\${file:${directory}/token}' }
    tls: { ca: '\${file:${directory}/ca.pem}', cert: '\${file:${directory}/ca.pem}', key: '\${file:${directory}/key.pem}', insecure: true }
routes:
  - { match: { task: clip, type: textual }, backends: [nas, gpu], strategy: first }
  - { backends: [gpu], hold: 12h }
`,
    )
    const { code, stdout, stderr } = await check({ ROUTER_CONFIG: path, SLOTS: '2' })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`Configured by the file ${path}.\n`)
    for (const line of [
      '  text search: nas, then gpu',
      '    when unavailable: held up to 12 hours, 1000 requests at most',
      `  nas: ${stub.url}`,
      '    concurrency limit: 2 requests',
      '  gpu: https://gpu:3003 (bearer)',
    ])
      expect(stdout.split('\n')).toContain(line)
    expect(stdout).toMatch(
      /Warnings:\n\n.*router.yaml:6:\d+: backends.gpu.tls.insecure accepts any certificate/,
    )
    expect(stdout).not.toMatch(/t0ken|BEGIN/)
    expect([stub.started, await stub.connections()]).toEqual([0, 0])
  })

  it('lists every mistake', async () => {
    const directory = await files({
      'router.yaml':
        'bodySpool: /nowhere\nbackends: { gpu: { url: "${NONE}", auth: { bearer: "${file:/none}" }, wieght: 1 } }',
    })
    const env = { ROUTER_CONFIG: join(directory, 'router.yaml'), PORT: 'x' }
    const { code, stdout, stderr } = await check(env)
    expect([code, stdout]).toEqual([1, ''])
    const line = '2 | backends: { gpu: { url: "${NONE}", auth: { bearer: *** }, wieght: *** } }'
    expect(stderr).toBe(`PORT must be 0 to 65535, not "x".
${env.ROUTER_CONFIG} has 3 mistakes:

${env.ROUTER_CONFIG}:2:25: backends.gpu.url needs the variable NONE, which is not set; set it, or write a default: \${NONE:-default}.
  ${line}
    |                         ^

${env.ROUTER_CONFIG}:2:52: backends.gpu.auth.bearer needs the file /none, which cannot be read (ENOENT); check its path and permissions.
  ${line}
    |                                                    ^

${env.ROUTER_CONFIG}:2:71: backends.gpu.wieght is not an option. Did you mean "weight"?
  ${line}
    |                                                           ^
`)
  })

  it('reads the file of its argument', async () => {
    const directory = await files({ 'router.yaml': 'backends: { gpu: { url: "http://gpu:3003" } }' })
    const { code, stdout } = await run(MAIN, ['check', join(directory, 'router.yaml')])
    expect([code, stdout]).toEqual([0, expect.stringContaining('gpu: http://gpu:3003')])
  })

  it('exits with 2 for an unknown command or option, and without a configuration', async () => {
    expect(await run(MAIN, ['chekc'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('did you mean the command check?'),
    })
    expect(await run(MAIN, ['chekc', 'router.yaml'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean the command check?'),
    })
    expect(await run(MAIN, ['check', '--probee'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown option '--probee'"),
    })
    expect(await run(MAIN, ['check'], { ROUTER_CONFG: '/router.yaml' })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/no backend is configured(.|\n)*did you mean ROUTER_CONFIG/),
    })
  })
})

describe('npm start -- check', () => {
  const check = (...args: string[]) =>
    run('scripts/run.mjs', ['start', 'check', ...args], { GPU: 'http://gpu' })

  it('gets its arguments and variables, and ends with its exit code', async () => {
    const directory = await files({ 'router.yaml': 'backends: { gpu: { url: "${GPU}:3003" } }' })
    const { code, stdout } = await check(join(directory, 'router.yaml'))
    expect([code, stdout]).toEqual([0, expect.stringContaining('gpu: http://gpu:3003')])
    expect(await check('--probee')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown option '--probee'"),
    })
  })
})

describe('warnings', () => {
  const check = async (text: string, ...args: string[]) => {
    const directory = await files({ 'router.yaml': text })
    const path = join(directory, 'router.yaml')
    const ended = await run(MAIN, ['check', ...args, path])
    return { ...ended, stdout: ended.stdout.replaceAll(path, 'router.yaml') }
  }
  const text = 'backends:\n  gpu: { url: http://gpu:3003 }\nhold: 12\n'

  it('are at the end, with their places', async () => {
    const { code, stdout, stderr } = await check(text)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /\n\nWarnings:\n\nrouter.yaml:3:7: hold is 12 without .*\n {2}3 \| hold: 12\n {4}\| {7}\^\n$/,
    )
  })

  it('are mistakes with --strict', async () => {
    expect((await check(text, '--strict')).code).toBe(1)
    expect(await check(text.replace('12', '12h'), '--strict')).toMatchObject({
      code: 0,
      stdout: expect.not.stringContaining('Warnings'),
    })
  })
})

describe('what is checked', () => {
  it.each<[string, Record<string, string>, object]>([
    [
      "the seed's variables",
      { ML_TEXT_URL: 'http://me:s3cret@t:1', ML_DEFAULT_URL: 'http://d' },
      {
        words: expect.stringMatching(
          /ML_DEFAULT_URL\.\n(.|\n)*input text \(such as text search\): text\n(.|\n)*everything else: default\n(.|\n)* text: http:\/\/t:1 \(basic\)\n/,
        ),
        warnings: [
          'ML_TEXT_URL is http, so anyone on the network path can read the credentials; use https, or remove them.',
        ],
      },
    ],
    [
      'variables that are wrong',
      { ML_TEXT_URL: 's3cret:x@h', MAX_BODY_SIZE: 'x' },
      { mistakes: expect.stringMatching(/ML_TEXT_URL must begin with(.|\n)*MAX_BODY_SIZE must be bytes/) },
    ],
    [
      'a file that is not there',
      { ROUTER_CONFIG: '/nowhere.yaml' },
      { mistakes: expect.stringContaining('ENOENT') },
    ],
  ])('is %s', async (_, env, checked) => {
    expect(await checkConfig(env)).toMatchObject(checked)
    const { options: _options, ...shown } = { options: undefined, ...(await checkConfig(env)) }
    expect(JSON.stringify(shown)).not.toContain('s3cret')
  })

  it('is the directory for temp files as well', async () => {
    const directory = await files({ 'r.yaml': 'bodySpool: "${DIR}"\nbackends: { a: { url: http://a } }' })
    const check = (DIR: string) => checkConfig({ ROUTER_CONFIG: join(directory, 'r.yaml'), DIR })
    expect(await check('/nowhere')).toEqual({
      mistakes: expect.stringContaining(
        ':1:12: bodySpool must be a directory that can be written to; create it, or choose another.\n  1 | bodySpool: "${DIR}"\n',
      ),
    })
    expect(await check(directory)).toHaveProperty('words')
  })

  it.each([
    [
      'backends: { a: { url: http://a, auth: { bearer: s3cret, , } } }',
      ':1:57: bearer is not valid YAML here',
    ],
    [
      'backends: { a: { url: http://a, auth: { bearer: !s3cret x } } }',
      ':1:49: bearer has a value that starts with !',
    ],
    ['backends:\n  a: { url: "http://u:s3cret@a }', ':2:13: url has a quote that is not closed'],
    ['backends:\n  a: *s3cret', ':2:6: a has a value that starts with *'],
  ])('without what is written where YAML is broken: %j', async (text, where) => {
    const directory = await files({ 'r.yaml': text })
    const checked = await checkConfig({ ROUTER_CONFIG: join(directory, 'r.yaml') })
    expect(checked).toEqual({ mistakes: expect.stringContaining(where) })
    expect(JSON.stringify(checked)).not.toContain('s3cret')
  })
})

describe.each(['package', 'koa'] as const)('the %s gateway', (which) => {
  it('uses secrets from files, and logs none of them', async () => {
    const stub = await stubMl()
    const directory = await files({ token: 't0ken\n', password: 'p4ssword' })
    const path = join(directory, 'router.yaml')
    await writeFile(
      path,
      `backends:
  a: { url: "\${A_URL}", auth: { bearer: '\${file:${directory}/token}' }, headers: { x-key: "\${KEY}" } }
  b: { url: 'http://u:\${file:${directory}/password}@127.0.0.1:1' }
routes:
  - { backends: [b, a], strategy: first }
`,
    )
    const env = { ROUTER_CONFIG: path, A_URL: stub.url, KEY: 'h3ader' }
    const { url, output } = await startProcess(which, env)
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(200)
    await until(() => output.some((line) => line.includes('"predict"')), 'it is logged')
    expect(stub.received[0]?.headers).toMatchObject({ authorization: 'Bearer t0ken', 'x-key': 'h3ader' })
    const encoded = Buffer.from('u:p4ssword').toString('base64')
    for (const secret of ['t0ken', 'p4ssword', 'h3ader', encoded]) expect(output.join()).not.toContain(secret)
  })

  it('ends with a mistake without showing what was expanded', async () => {
    const directory = await files({
      'r.yaml': 'backends: { a: { url: "${URL}", auth: { bearer: "${TOKEN}" } } }',
    })
    const env = { ROUTER_CONFIG: join(directory, 'r.yaml'), URL: 's3cret:x@h', TOKEN: 'Bearer s3cret' }
    const { exited, output } = spawnGateway(which, env)
    expect(await exited).toBe(1)
    expect(output.join(' ')).toMatch(/2 mistakes.*a\.url must begin with.*auth\.bearer must be a token/)
    expect(output.join()).not.toContain('s3cret')
  })
})

it('a file too large to parse safely is refused before it is parsed', async () => {
  const directory = await files({ 'router.yaml': '[a, '.repeat(100_000) })
  const main = 'packages/gateway/src/main.ts'
  const { code, stderr } = await run(main, ['check', join(directory, 'router.yaml')])
  expect([code, stderr]).toEqual([1, expect.stringContaining('more than the limit of 262144')])
})

it('PORT must be a number, not white space', async () => {
  const env = { PORT: ' ', ML_DEFAULT_URL: 'http://gpu' }
  expect(await run(MAIN, ['check'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('PORT must be 0 to 65535'),
  })
})
