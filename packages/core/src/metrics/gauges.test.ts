import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { type BackendStatus, backendStatus, healthy } from '../../../../test/support/backend-status.ts'
import type { RouterStatus } from '../router/router.ts'
import { makeGauges } from './gauges.ts'

const open = { kind: 'open', since: 0, until: 1, ejections: 1, reason: 'reset' } as const
const recovering = { kind: 'recovering', since: 0, limit: 1, failures: 0, ejections: 1 } as const
const down = { kind: 'down', since: 0, reason: 'timeout', successes: 0 } as const

/** The values of a gauge by its last label. */
async function read(
  gauge: string,
  backends: readonly BackendStatus[],
  notices: RouterStatus['notices'] = [],
): Promise<Record<string, number>> {
  const registry = new Registry()
  const status: RouterStatus = {
    state: 'running',
    now: 0,
    active: 0,
    held: {},
    routes: [],
    tasks: [],
    bodies: { memory: 0, memoryLimit: 0, disk: 0, files: 0 },
    notices,
    backends: [...backends],
  }
  makeGauges({ registry, prefix: '', names: [], beforeRead: () => {} }, () => status)
  const values = (await registry.getSingleMetric(gauge)?.get())?.values ?? []
  return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).at(-1), value]))
}

it.each<[string, Partial<BackendStatus>]>([
  ['up', {}],
  ['recovering', { health: { ...healthy, reachable: recovering } }],
  ['ejected', { health: { ...healthy, reachable: open } }],
  ['down', { health: { ...healthy, reachable: open, probe: down } }],
  ['drained', { health: { ...healthy, enabled: false, probe: down } }],
  ['unresolved', { unresolved: 'no address', health: { ...healthy, enabled: false } }],
])('counts an endpoint as %s and as nothing else', async (state, backend) => {
  const states = await read('backend_servers', [backendStatus('gpu', backend)])
  expect(Object.entries(states).filter(([, count]) => count > 0)).toEqual([[state, 1]])
})

it('counts the ejected tasks of endpoints that are not leaving', async () => {
  const health = { ...healthy, tasks: { 'clip/visual': open, 'ocr/detection': recovering } }
  const backends = [
    backendStatus('pods', { health }),
    backendStatus('pods', { health }),
    backendStatus('pods', { health, leaving: true }),
  ]
  expect(await read('backend_ejected_tasks', backends)).toEqual({ pods: 2 })
})

it('has the active notices by kind', async () => {
  const notice = { kind: 'http-1.0', level: 'warning', message: 'Old protocol.' } as const
  expect(await read('notices', [], [notice])).toEqual({ 'http-1.0': 1 })
})

it('has the models with a problem, once for all endpoints and routes', async () => {
  const problem = { route: 'all', model: 'a', jobs: ['clip/visual/a'], reason: 'disagrees', excluded: false }
  const pod = backendStatus('pods', { problems: [problem, { ...problem, route: 'ocr' }] })
  expect(await read('backend_model_problem', [pod, pod, backendStatus('nas')])).toEqual({ a: 1 })
})
