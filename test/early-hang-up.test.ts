import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { immichBody } from '@immich-ml-router/core/testing'
import { describe, expect } from 'vitest'
import { post } from './support/client.ts'
import { ROOT } from './support/docs.ts'
import { spawnGateway, spawnProgram, started } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

/** Whether a process has a handler for SIGHUP, which is signal 1. */
async function handlesHangUp(pid = 0): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return (Number.parseInt(/^SigCgt:\s+[\da-f]*([\da-f])$/m.exec(status)?.[1] ?? '', 16) & 1) === 1
}

const isHangUp = ({ msg }: Record<string, unknown>) => String(msg).startsWith('SIGHUP')

describe('a SIGHUP', () => {
  itNeeds('proc')('while the gateway starts is handled after the start', async () => {
    const ml = await stubMl()
    const spawned = spawnGateway('package', { ML_DEFAULT_URL: ml.url })
    const { child, lines, exited } = spawned
    await until(() => handlesHangUp(child.pid), 'the signal does not end it')
    child.kill('SIGHUP')
    expect(lines).toEqual([])
    const { url } = await started(spawned)
    await until(() => lines.some(isHangUp), 'it has handled the signal')
    child.kill('SIGHUP')
    await until(() => lines.filter(isHangUp).length === 2, 'it has handled another one')
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(200)
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  })

  itNeeds('signals')('ends a command that is no gateway', async () => {
    const gateway = await started(spawnGateway('package', { ML_DEFAULT_URL: (await stubMl()).url }))
    const args = [join(ROOT, 'packages/gateway/src/main.ts'), 'status', gateway.url, '--watch']
    const { child, output } = spawnProgram({ cwd: ROOT, args }, {})
    await until(() => output.length > 0, 'it prints')
    child.kill('SIGHUP')
    await until(() => child.signalCode === 'SIGHUP', 'the signal ends it')
  })
})
