import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'
import { spawnProgram, started } from './support/gateway-process.ts'
import { until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)
const demo = () => started(spawnProgram({ cwd: ROOT, args: ['packages/gateway/src/main.ts', 'demo'] }, {}))

itNeeds('curl')('immich-ml-router demo prints commands that work', async () => {
  const { output, child, exited } = await demo()
  await until(() => output.some((line) => line.includes('curl http')), 'it prints what to try')
  const commands = output.flatMap((line) => (/^ {2}curl /.test(line) ? [line.trim()] : []))
  expect(commands).toHaveLength(3)
  for (const command of commands) {
    const { stdout } = await exec('sh', ['-c', command.replaceAll('localhost', '127.0.0.1')])
    expect(stdout).toMatch(/200 OK|^pong$/)
  }
  child.kill('SIGINT')
  expect(await exited).toBe(0)
})

it('immich-ml-router demo cannot be mistaken for a real gateway', async () => {
  const { url, lines, output } = await demo()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/)
  await until(() => output.some((line) => line.includes('curl')), 'it has started')
  expect(lines.map(({ msg }) => msg)).toContain('demo answers: do not connect Immich')
  expect((await fetch(`${url}/ping`)).headers.get('x-immich-ml-demo')).toBe('made-up answer')
  const { body } = await fetch(`${url}/_router/events`)
  for await (const chunk of body ?? []) {
    expect(Buffer.from(chunk).toString()).toContain('Demo: the answers are made up.')
    break
  }
})
