import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { GatewayConfig } from './config.ts'
import { withStateFiles } from './status-page.ts'

const base: GatewayConfig = { port: 3003, source: 'the test', options: { backends: {} }, statusPage: {} }
const spool = (bodySpool: string | boolean) => ({ options: { backends: {}, bodySpool } })

it.each<
  [what: string, env: Record<string, string>, config: Partial<GatewayConfig>, path: string | undefined]
>([
  ['the spooled bodies', {}, {}, join(tmpdir(), 'immich-ml-router-history-3003.json')],
  ['those of another port', {}, { port: 3004 }, join(tmpdir(), 'immich-ml-router-history-3004.json')],
  ['bodySpool', {}, spool('/spool'), '/spool/immich-ml-router-history-3003.json'],
  ['nothing, on a port that the system chooses', {}, { port: 0 }, undefined],
  ['nothing, without a disk', {}, spool(false), undefined],
  ['the variable', { HISTORY_FILE: '/srv/history.json' }, { port: 0, ...spool(false) }, '/srv/history.json'],
  ['nothing, if it is off', { HISTORY_FILE: 'off' }, {}, undefined],
])('the history file is beside %s', (_, env, config, path) => {
  expect(withStateFiles(env, { ...base, ...config }).statusPage?.historyFile).toBe(path)
})

it('the counts of recycle are beside the spooled bodies, whatever HISTORY_FILE says', () => {
  const path = (config: Partial<GatewayConfig>) =>
    withStateFiles({ HISTORY_FILE: 'off' }, { ...base, ...config }).recycleFile
  expect(path(spool('/spool'))).toBe('/spool/immich-ml-router-recycle-3003.json')
  expect([path({ port: 0 }), path(spool(false))]).toEqual([undefined, undefined])
})

it('without a status page there is no history file', () => {
  const { statusPage: _, ...config } = base
  expect(withStateFiles({ HISTORY_FILE: '/srv/history.json' }, config).statusPage).toBeUndefined()
})
