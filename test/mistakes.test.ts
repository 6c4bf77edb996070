import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkConfig } from '../packages/gateway/src/commands/check.ts'
import { makeDirectory, removeDirectory } from './support/temporary-file.ts'

/** A mistake that is likely in a configuration: a file, or variables. */
interface LikelyMistake {
  readonly what: string
  readonly file?: string
  readonly env?: Readonly<Record<string, string>>
}

const GPU = 'backends:\n  gpu: { url: http://gpu:3003 }\n'
const BOTH = `${GPU}  nas: { url: http://nas:3003 }\n`
const file = (what: string, text: string): LikelyMistake => ({ what, file: text })
const variables = (what: string, env: LikelyMistake['env']): LikelyMistake => ({ what, env: env ?? {} })

const YAML: readonly LikelyMistake[] = [
  file('a key twice', `${GPU}  gpu: { url: http://nas:3003 }\n`),
  file('a tab', 'backends:\n\tgpu: { url: http://gpu:3003 }\n'),
  file('an open brace', 'backends:\n  gpu: { url: http://gpu:3003\n  nas: { url: http://nas:3003 }\n'),
  file('an open bracket', `${GPU}routes:\n  - { backends: [gpu }\n`),
  file('a brace too many', 'backends:\n  gpu: { url: http://gpu:3003 }}\n'),
  file('a variable in braces without quotes', 'backends:\n  gpu: { url: ${GPU_URL}, weight: 2 }\n'),
  file('an open quote', 'backends:\n  gpu: { url: "http://gpu:3003 }\n'),
  file('a line that is indented too little', 'backends:\n  gpu:\n    url: http://gpu:3003\n   weight: 2\n'),
  file('a line that is indented too far', 'backends:\n  gpu:\n    url: http://gpu:3003\n      weight: 2\n'),
  file('no space after a colon', 'backends:\n  gpu:\n    url:http://gpu:3003\n    weight: 2\n'),
  file('a star without quotes', `${GPU}routes:\n  - match: { model: *openai }\n    backends: [gpu]\n`),
  file(
    'a password that starts with a reserved character',
    'backends:\n  gpu:\n    url: https://gpu\n    auth:\n      bearer: @hunter2\n',
  ),
  file(
    'a password with a colon and a space',
    'backends:\n  gpu:\n    url: https://gpu\n    headers:\n      x-key: hunter: two\n',
  ),
  file(
    'a password with a comma in braces',
    'backends:\n  gpu: { url: https://gpu, auth: { bearer: hunter,two, more } }\n',
  ),
  file('no comma in JSON', '{\n  "backends": { "gpu": { "url": "http://gpu" } }\n  "retries": 3\n}\n'),
  file('two documents', `${GPU}---\nretries: 3\n`),
]

const OPTIONS: readonly LikelyMistake[] = [
  file('an empty file', '# nothing yet\n'),
  file('a misspelled option', 'backends:\n  gpu: { url: http://gpu:3003, wieght: 2 }\n'),
  file('an option at the wrong level', `${GPU}strategy: first\n`),
  file('a former option', `${GPU}routes:\n  - { backends: [gpu], whenUnavailable: hold }\n`),
  file('a URL that ends in /predict', 'backends:\n  gpu: { url: http://gpu:3003/predict }\n'),
  file('a URL without a scheme', 'backends:\n  gpu: { url: gpu:3003 }\n'),
  file('a URL with a query', 'backends:\n  gpu: { url: "http://gpu:3003?key=hunter2" }\n'),
  file('no URL', 'backends:\n  gpu: {}\n'),
  file('a backend as text', 'backends:\n  gpu: http://gpu:3003\n'),
  file('backends as a list', 'backends:\n  - url: http://gpu:3003\n'),
  file('the gateway itself', 'backends:\n  gpu: { url: http://localhost:3003 }\n'),
  file('a backend that is not there', `${GPU}routes:\n  - backends: [gpuu]\n`),
  file('one backend, not a list', `${GPU}routes:\n  - { backends: gpu }\n`),
  file('one route, not a list', `${GPU}routes:\n  backends: [gpu]\n`),
  file('a match of the last route', `${GPU}routes:\n  - { match: { task: clip }, backends: [gpu] }\n`),
  file('no match of an earlier route', `${GPU}routes:\n  - backends: [gpu]\n  - backends: [gpu]\n`),
  file('a misspelled strategy', `${GPU}routes:\n  - { backends: [gpu], strategy: round_robin }\n`),
  file('a duration in words', `${GPU}hold: 12 hours\n`),
  file('a size in words', `${GPU}maxBodySize: 32 megabytes\n`),
  file('a limit of 0', 'backends:\n  gpu: { url: http://gpu:3003, maxConcurrent: 0 }\n'),
  file('tasks as text', 'backends:\n  gpu: { url: http://gpu:3003, tasks: clip }\n'),
  file('yes for true', `${GPU}canary: yes\n`),
  file(
    'a token with Bearer before it',
    'backends:\n  gpu: { url: https://gpu, auth: { bearer: Bearer hunter2 } }\n',
  ),
  file(
    'a password of digits',
    'backends:\n  gpu: { url: https://gpu, auth: { basic: { username: me, password: 12345 } } }\n',
  ),
  file(
    'credentials twice',
    'backends:\n  gpu: { url: "https://me:hunter2@gpu", auth: { bearer: hunter2 } }\n',
  ),
  file('TLS for http', 'backends:\n  gpu: { url: http://gpu, tls: { insecure: true } }\n'),
  file(
    'the path of a certificate',
    'backends:\n  gpu: { url: https://gpu, tls: { ca: /run/secrets/ca.pem } }\n',
  ),
  file('a variable that is not set', 'backends:\n  gpu: { url: "${GPU_URL}" }\n'),
  file(
    'a secret file that is not there',
    'backends:\n  gpu:\n    url: https://gpu\n    auth: { bearer: "${file:/nowhere/token}" }\n',
  ),
  file('a transport that the gateway lacks', `${GPU}transport: http-proxy-3\n`),
  file('a directory that is not there', `${GPU}bodySpool: /nowhere\n`),
]

const WARNINGS: readonly LikelyMistake[] = [
  file('two backends with one URL', `${GPU}  nas: { url: http://gpu:3003/ }\n`),
  file(
    'a task that Immich never sends',
    `${GPU}routes:\n  - { match: { task: faces }, backends: [gpu] }\n  - backends: [gpu]\n`,
  ),
  file(
    'a task in upper case',
    `${GPU}routes:\n  - { match: { task: CLIP }, backends: [gpu] }\n  - backends: [gpu]\n`,
  ),
  file(
    'a type that Immich never sends',
    `${GPU}routes:\n  - { match: { task: clip, type: text }, backends: [gpu] }\n  - backends: [gpu]\n`,
  ),
  file(
    'a type of another task',
    `${GPU}routes:\n  - { match: { task: clip, type: detection }, backends: [gpu] }\n  - backends: [gpu]\n`,
  ),
  file(
    'a misspelled model',
    `${GPU}routes:\n  - { match: { model: ViT-B-32-openai }, backends: [gpu] }\n  - backends: [gpu]\n`,
  ),
  file(
    'a misspelled task of a backend',
    'backends:\n  gpu: { url: http://gpu:3003, tasks: [clip, face, ocr], unclassified: true }\n',
  ),
  file('a duration without a unit', `${GPU}hold: 12\n`),
  file(
    'a route behind a broader one',
    `${GPU}routes:\n  - { match: { task: clip }, backends: [gpu] }\n  - { match: { task: clip, type: textual }, backends: [gpu] }\n  - backends: [gpu]\n`,
  ),
  file(
    'a tier that overrides the order',
    'backends:\n  gpu: { url: http://gpu:3003, tier: 2 }\n  nas: { url: http://nas:3003 }\nroutes:\n  - { backends: [gpu, nas], strategy: first }\n',
  ),
  file('a backend without a route', `${BOTH}routes:\n  - backends: [gpu]\n`),
  file(
    'a job that no backend serves',
    'backends:\n  gpu: { url: http://gpu:3003, tasks: [clip, ocr], unclassified: true }\n',
  ),
  file('credentials over http', 'backends:\n  gpu: { url: "http://me:hunter2@gpu:3003" }\n'),
  file('any certificate', 'backends:\n  gpu: { url: https://gpu, tls: { insecure: true } }\n'),
]

const VARIABLES: readonly LikelyMistake[] = [
  variables('a URL that ends in /predict', { ML_DEFAULT_URL: 'http://gpu:3003/predict' }),
  variables('the gateway itself', { ML_DEFAULT_URL: 'http://127.0.0.1:3003' }),
  variables('a port in words', { ML_DEFAULT_URL: 'http://gpu:3003', PORT: 'http' }),
  variables('a time without a unit', { ML_DEFAULT_URL: 'http://gpu:3003', DRAIN_TIMEOUT: '8' }),
  variables('a misspelled level', { ML_DEFAULT_URL: 'http://gpu:3003', LOG_LEVEL: 'warning' }),
  variables('a file that is not there', { ROUTER_CONFIG: '/nowhere/router.yaml' }),
  variables('a directory', { ROUTER_CONFIG: '/' }),
  variables('a misspelled variable', { ROUTER_CONFG: 'router.yaml' }),
]

let directory: string
beforeAll(async () => {
  directory = await makeDirectory()
})
afterAll(() => removeDirectory(directory))

/** What the gateway says to a mistake. The path of the file is left out. */
async function answerTo({ file: text, env = {} }: LikelyMistake): Promise<string> {
  const path = join(directory, 'router.yaml')
  if (text !== undefined) await writeFile(path, text)
  try {
    const checked = await checkConfig(env, text === undefined ? undefined : path)
    const answer = 'mistakes' in checked ? checked.mistakes : checked.warnings.join('\n\n')
    return answer.replaceAll(`${directory}/`, '')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

// A change of this snapshot is reviewed like code: each message must name the cure.
describe('the likely mistakes', () => {
  it.each([
    ['YAML', YAML],
    ['options', OPTIONS],
    ['warnings', WARNINGS],
    ['variables', VARIABLES],
  ])('of %s', async (name, mistakes) => {
    const answers = []
    for (const mistake of mistakes) {
      const answer = await answerTo(mistake)
      expect([mistake.what, answer]).toEqual([mistake.what, expect.stringMatching(/\S/)])
      answers.push(`## ${mistake.what}\n\n${answer}\n`)
    }
    const text = answers.join('\n')
    expect(text).not.toMatch(/hunter/)
    await expect(text).toMatchFileSnapshot(`likely-mistakes/${name.toLowerCase()}.txt`)
  })
})
