import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { listen } from '../../../../test/support/servers.ts'
import { callHook, type Hook } from './call-hook.ts'

const hook = (own: Partial<Hook>): Hook => ({ method: 'POST', timeout: 5_000, ...own })
const node = (script: string, ...args: string[]): Partial<Hook> => ({
  command: [process.execPath, '-e', script, ...args],
})

afterEach(() => vi.unstubAllEnvs())

describe('a hook with a URL', () => {
  it('sends the method, headers, body and the credentials in the URL', async () => {
    const got: unknown[] = []
    const { url } = await listen(async (req, res) => {
      const { authorization, 'x-key': key, 'content-type': type } = req.headers
      got.push([req.method, req.url, authorization, key, type, await text(req)])
      res.end()
    })
    await callHook(
      hook({
        url: `${url.replace('//', '//ha:pw@')}/on?room=1`,
        method: 'PUT',
        headers: { 'x-key': 'k', 'content-type': 'application/json' },
        body: '{"on":true}',
      }),
    )
    const basic = `Basic ${Buffer.from('ha:pw').toString('base64')}`
    expect(got).toEqual([['PUT', '/on?room=1', basic, 'k', 'application/json', '{"on":true}']])
  })

  it.each([302, 401, 500])('fails with status %d, without telling its path', async (status) => {
    const { url } = await listen((_, res) =>
      res.writeHead(status, status === 302 ? { location: '/' } : {}).end(),
    )
    await expect(callHook(hook({ url: `${url}/webhook/secret` }))).rejects.toThrow(
      new Error(`${url} answered ${status}`),
    )
  })

  it('fails when nothing answers in time, or nothing listens', async () => {
    const { url } = await listen(() => {})
    await expect(callHook(hook({ url, timeout: 20 }))).rejects.toThrow(
      `${url} did not answer: timeout of 20 ms`,
    )
    const free = await listen(() => {})
    await promisify(free.server.close).call(free.server)
    await expect(callHook(hook({ url: free.url }))).rejects.toThrow(
      `${free.url} did not answer: connect ECONNREFUSED`,
    )
  })
})

describe('a hook with a command', () => {
  it('passes the arguments without a shell, and of the environment only PATH and HOME', async () => {
    vi.stubEnv('ADMIN_TOKEN', 'secret')
    const file = join(tmpdir(), `hook-${process.pid}-${Math.random()}`)
    const script = 'fs.writeFileSync(process.argv[1], JSON.stringify([process.argv[2], process.env]))'
    await callHook(hook(node(script, file, '$HOME; exit 1')))
    const [argument, env] = JSON.parse(await readFile(file, 'utf8'))
    expect(argument).toBe('$HOME; exit 1')
    expect(env).toMatchObject({ PATH: process.env['PATH'] })
    expect(env).not.toHaveProperty('ADMIN_TOKEN')
  })

  it('fails with its exit code, or when there is no such program', async () => {
    await expect(callHook(hook(node('process.exit(3)', 'secret')))).rejects.toThrow(
      new Error(`command ${process.execPath} failed: exit code 3`),
    )
    await expect(callHook(hook({ command: ['/nowhere/program'] }))).rejects.toThrow(
      'command /nowhere/program failed: ENOENT',
    )
  })

  it('is killed after its timeout', async () => {
    await expect(callHook(hook({ ...node('setInterval(() => {}, 1000)'), timeout: 50 }))).rejects.toThrow(
      'failed: killed after 50 ms',
    )
  })
})
