import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { expect } from 'vitest'
import { post } from './support/client.ts'
import { type GatewayProcess, startProcess } from './support/gateway-process.ts'
import { stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'
import { temporaryDirectory } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

const UPLOADS = 64

/** A gateway whose only backend is away, and that keeps what waits in a directory of its own. */
async function sleeping(backend: string) {
  const directory = await temporaryDirectory()
  const config = join(directory, 'router.yaml')
  const spool = join(directory, 'spool')
  await mkdir(spool)
  await writeFile(
    config,
    `bodySpool: ${spool}
backends: { gpu: { url: "${backend}" } }
routes: [{ backends: [gpu], hold: 1h }]
`,
  )
  return { start: () => startProcess('express', { ROUTER_CONFIG: config }), spool }
}

/** How many wait, as the log has it. */
const waiting = (gateway: GatewayProcess) =>
  Math.max(0, ...gateway.lines.map(({ held }) => Number(held ?? 0)))

/** The most memory that a process has had, in MB. */
async function peakMemory({ child }: GatewayProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

itNeeds('proc')(
  `${UPLOADS} uploads of 31 MB wait in less than 300 MB of memory, and are served whole`,
  async () => {
    const stub = await stubMl({ fault: 'refuse' })
    const { start, spool } = await sleeping(stub.url)
    const gateway = await start()
    const body = immichBody('indexing', imageBytes(31_000_000))
    let uploaded = 0
    const answers = Array.from({ length: UPLOADS }, () =>
      post(gateway.url, body, { onSent: () => uploaded++ }),
    )
    // Gigabytes go to the disk: how long that takes is the machine's affair.
    await until(() => waiting(gateway) === UPLOADS, 'all wait', 60)
    await until(() => uploaded === UPLOADS, 'all are uploaded', 60)
    expect(await readdir(spool)).toEqual([])
    await stub.setFault(undefined)
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200)
    // Canaries are small.
    const uploads = stub.received.filter(({ size }) => size > 1_000_000)
    expect(uploads).toHaveLength(UPLOADS)
    expect(new Set(uploads.map((it) => it.sha256))).toEqual(new Set([sha256(body)]))
    expect(await peakMemory(gateway)).toBeLessThan(300)
    expect(await readdir(spool)).toEqual([])
  },
  120_000,
)

itNeeds('signals')('a gateway that is killed leaves no file behind, nor does the next one', async () => {
  const stub = await stubMl({ fault: 'refuse' })
  const { start, spool } = await sleeping(stub.url)
  const gateway = await start()
  const body = immichBody('indexing', imageBytes(3_000_000))
  const lost = Promise.allSettled(Array.from({ length: 8 }, () => post(gateway.url, body)))
  await until(() => waiting(gateway) === 8, 'all wait')
  gateway.child.kill('SIGKILL')
  expect((await lost).map(({ status }) => status)).toEqual(Array(8).fill('rejected'))
  await gateway.exited
  // As if it had been killed in the moment between opening a file and unlinking it.
  await writeFile(join(spool, 'immich-ml-router-01234567-89ab-cdef-0123-456789abcdef.body'), 'x')
  const next = await start()
  await until(async () => (await readdir(spool)).length === 0, 'the next one has cleaned up')
  next.child.kill('SIGTERM')
  expect(await next.exited).toBe(0)
})
