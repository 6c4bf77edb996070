import { immichBody } from '@immich-ml-router/core/testing'
import { describe, expect } from 'vitest'
import { post } from './support/client.ts'
import { type ReadGateway, startRead } from './support/output-reader.ts'
import { stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const search = immichBody('textSearch', 'cat')
const MAIN: Record<string, readonly string[]> = {
  'the gateway': ['packages/gateway/src/main.ts'],
  'the Express gateway': ['examples/express-gateway/src/main.ts'],
  'npm start': ['scripts/run.mjs', 'start'],
}
const started = Object.keys(MAIN)

async function start(kind: 'terminal' | 'pipe', which: string): Promise<ReadGateway> {
  const stub = await stubMl()
  return startRead(kind, MAIN[which] ?? [], { ML_DEFAULT_URL: stub.url })
}

/** Makes the log line of a request longer. */
const path = `/predict?${'x'.repeat(250)}`

/** Sends more requests than any buffer of the operating system holds the log lines of. */
async function answered(url: string, count = 400): Promise<number> {
  let good = 0
  const sendSome = async () => {
    for (let sent = 0; sent < count / 8; sent++)
      if ((await post(url, search, { path })).status === 200) good++
  }
  await Promise.all(Array.from({ length: 8 }, sendSome))
  return good
}

async function isGone(url: string): Promise<boolean> {
  return fetch(`${url}/ping`).then(
    () => false,
    () => true,
  )
}

describe.each(started)('%s', (which) => {
  itNeeds('python')('ends when its terminal hangs up', async () => {
    const gateway = await start('terminal', which)
    expect((await post(gateway.url, search)).status).toBe(200)
    await gateway.closeReader()
    await until(() => isGone(gateway.url), 'the port is free')
    await until(() => gateway.exitCode() !== undefined, 'it ends')
    if (which !== 'npm start') expect(gateway.exitCode()).toBe(0)
  })

  itNeeds('python')('reloads on SIGHUP while its terminal is there', async () => {
    const gateway = await start('terminal', which)
    process.kill(gateway.pid(), 'SIGHUP')
    await until(() => gateway.lines.some(({ msg }) => String(msg).startsWith('SIGHUP')), 'it says so')
    expect(await answered(gateway.url, 8)).toBe(8)
    process.kill(gateway.pid(), 'SIGTERM')
    await until(() => isGone(gateway.url), 'the port is free')
  })

  itNeeds('python')('answers, and heeds signals, when the reader of its output ends', async () => {
    const gateway = await start('pipe', which)
    await gateway.closeReader()
    expect(await answered(gateway.url)).toBe(400)
    process.kill(gateway.pid(), 'SIGTERM')
    await until(() => isGone(gateway.url), 'the port is free')
    await until(() => gateway.exitCode() !== undefined, 'it ends')
    expect(gateway.exitCode()).toBe(0)
  })
})

describe('the stub servers of the demo', () => {
  itNeeds('python')('survive a reader that ends before everything is said', async () => {
    const command = '"$0" "$1" demo | head -n 1'
    const gateway = await startRead('pipe', [MAIN['the gateway']?.[0] ?? ''], {}, command)
    expect(await answered(gateway.url)).toBe(400)
    process.kill(gateway.pid(), 'SIGTERM')
    await until(() => gateway.exitCode() !== undefined, 'it ends')
  })
})

describe.each(['terminal', 'pipe'] as const)('a %s whose reader stops reading', (kind) => {
  itNeeds('python')('does not stop the gateway, and is told how many lines were dropped', async () => {
    const gateway = await start(kind, 'the Express gateway')
    await gateway.stopReading()
    expect(await answered(gateway.url, 2_000)).toBe(2_000)
    gateway.resumeReading()
    const dropped = () => gateway.lines.find(({ dropped }) => typeof dropped === 'number')
    await until(() => dropped() !== undefined, 'it says how many')
    expect(dropped()).toMatchObject({ level: 40 })
    const predicts = gateway.lines.filter(({ msg }) => msg === 'predict').length
    expect(predicts + Number(dropped()?.['dropped'])).toBe(2_000)
    process.kill(gateway.pid(), 'SIGTERM')
    await until(() => gateway.exitCode() !== undefined, 'it ends')
    expect(gateway.exitCode()).toBe(0)
  })

  itNeeds('python')('does not keep the gateway from ending', async () => {
    const gateway = await start(kind, 'the Express gateway')
    await gateway.stopReading()
    expect(await answered(gateway.url)).toBe(400)
    process.kill(gateway.pid(), 'SIGTERM')
    await until(() => isGone(gateway.url), 'the port is free')
    await gateway.closeReader()
    await until(() => gateway.exitCode() !== undefined, 'it ends')
    expect(gateway.exitCode()).toBe(0)
  })
})
