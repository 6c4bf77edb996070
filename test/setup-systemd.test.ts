import { execFile } from 'node:child_process'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { defaults, parseDuration } from '@immich-ml-router/core/parts'
import { describe, expect, it } from 'vitest'
import { ROOT } from './support/docs.ts'
import { temporaryDirectory } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)
const DIRECTORY = join(ROOT, 'examples/setups/systemd')
const SERVICE = 'immich-ml-router.service'
const SOCKET = 'immich-ml-router.socket'
const service = await readFile(join(DIRECTORY, SERVICE), 'utf8')

/** The values of an option of the unit. */
function valuesOf(name: string): string[] {
  return [...service.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)
}

/** The units in a directory of their own, with a command that this machine has. */
async function unitFiles(): Promise<string> {
  const directory = await temporaryDirectory()
  await copyFile(join(DIRECTORY, SOCKET), join(directory, SOCKET))
  await writeFile(
    join(directory, SERVICE),
    service.replace('ExecStart=immich-ml-router', 'ExecStart=/bin/true'),
  )
  return directory
}

describe('the systemd units', () => {
  itNeeds('systemd')('have no mistakes', async () => {
    const cwd = await unitFiles()
    const { stdout, stderr } = await exec('systemd-analyze', ['verify', `./${SERVICE}`, `./${SOCKET}`], {
      cwd,
    })
    expect(stdout + stderr).toBe('')
  })

  itNeeds('systemd')('leave the service no right that it does not need', async () => {
    const cwd = await unitFiles()
    const { stdout } = await exec('systemd-analyze', ['security', '--offline=true', `./${SERVICE}`], { cwd })
    expect(Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(2)
  })

  it('give running requests the time to finish', () => {
    const [drain = ''] = valuesOf('Environment').flatMap((it) => /^DRAIN_TIMEOUT=(.*)$/.exec(it)?.[1] ?? [])
    const [stop = ''] = valuesOf('TimeoutStopSec')
    expect(parseDuration(stop)).toBeGreaterThan((parseDuration(drain) ?? Number.NaN) + defaults.closeGrace)
  })

  it('reload by SIGHUP, restart always, and not where nothing is configured', () => {
    expect(valuesOf('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID'])
    expect([valuesOf('Restart'), valuesOf('RestartPreventExitStatus')]).toEqual([['always'], ['2']])
  })

  it('write to one directory', () => {
    const [cache = ''] = valuesOf('CacheDirectory')
    const paths = valuesOf('Environment').flatMap((it) => /%C\/([^/]+)/.exec(it)?.[1] ?? [])
    expect(paths).toEqual([cache, cache])
  })

  it('start the installed command, not npm, which does not pass the socket on', async () => {
    const { bin } = JSON.parse(await readFile(join(ROOT, 'packages/gateway/package.json'), 'utf8'))
    const [start = ''] = valuesOf('ExecStart')
    expect(Object.keys(bin)).toContain(start.split(' ')[0])
  })
})
