import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import type { Report } from '@immich-ml-router/status-page'
import { describe, expect } from 'vitest'
import { post } from './support/client.ts'
import { type GatewayProcess, startProcess } from './support/gateway-process.ts'
import { stubMl } from './support/servers.ts'
import { file } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

const IMAGE = immichBody('indexing', imageBytes(1_000))
/** Jobs of a run. */
const JOBS = 40

async function reportOf({ url }: GatewayProcess): Promise<Report> {
  return (await (await fetch(`${url}/_router/status.json`)).json()) as Report
}

async function stop({ child, exited }: GatewayProcess): Promise<void> {
  child.kill('SIGTERM')
  expect(await exited).toBe(0)
}

/** A gateway with this history file, after a run on a stub. */
async function runOf(path: string, backend: string): Promise<GatewayProcess> {
  const gateway = await startProcess('package', { ML_DEFAULT_URL: backend, HISTORY_FILE: path })
  const answers = await Promise.all(Array.from({ length: JOBS }, () => post(gateway.url, IMAGE)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  return gateway
}

describe('the history file of a gateway', () => {
  // It starts two processes.
  itNeeds('signals')(
    'keeps runs, the day and events across restarts',
    async () => {
      const path = join(dirname(await file('unused', '')), 'history.json')
      const { url } = await stubMl({ serviceTime: 20 })
      const first = await runOf(path, url)
      const before = await reportOf(first)
      expect(before.runs).toMatchObject([
        { jobs: JOBS, kinds: { indexing: JOBS }, failures: 0, backends: { default: { jobs: JOBS } } },
      ])
      expect(before.runs[0]?.backends['default']?.busy).toBeGreaterThan(0)
      await stop(first)
      expect((await stat(path)).mode & 0o777).toBe(0o600)

      const second = await runOf(path, url)
      const after = await reportOf(second)
      expect(after.runs).toMatchObject([{ start: before.runs[0]?.start, jobs: 2 * JOBS }])
      expect(after.runs[0]?.end).toBeUndefined()
      const answered = after.day.reduce((sum, { fates }) => sum + (fates.answered ?? 0), 0)
      expect([answered, after.events.map(({ kind }) => kind)]).toEqual([2 * JOBS, ['started', 'started']])
      await stop(second)
      expect(second.lines.filter(({ level }) => Number(level) > 30)).toEqual([])
    },
    60_000,
  )

  itNeeds('signals')('is ignored and replaced when it is damaged, with a line in the log', async () => {
    const path = await file('history.json', '{"format":"immich-ml-router hist')
    const { url } = await stubMl()
    const gateway = await runOf(path, url)
    expect(gateway.lines.map(({ msg }) => msg)).toContainEqual(
      expect.stringMatching(/history\.json is ignored and will be replaced: it is damaged or incomplete/),
    )
    expect((await reportOf(gateway)).notices).toEqual([])
    await stop(gateway)
    expect(JSON.parse(await readFile(path, 'utf8')).runs).toHaveLength(1)
  })

  itNeeds('signals')('changes nothing else when it cannot be written', async () => {
    const directory = dirname(await file('unused', ''))
    const path = join(directory, 'history.json')
    await mkdir(path)
    await writeFile(join(path, 'content'), '')
    const { url } = await stubMl()
    const gateway = await runOf(path, url)
    await stop(gateway)
    const warnings = gateway.lines.filter(({ level }) => Number(level) > 30).map(({ msg }) => msg)
    expect(warnings).toEqual([
      expect.stringMatching(/is ignored/),
      expect.stringMatching(/The history cannot be saved/),
    ])
  })
})
