import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { FakeResolver, settled } from '../../../../test/support/fake-resolver.ts'
import { failed } from '../../../../test/support/outcomes.ts'
import type { Policy } from '../config/policy.ts'
import { NoBackendError, RouterClosedError } from '../errors.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type BackendEvent, PolicyRuntime, type SelectEnvironment } from './policy-runtime.ts'

const search = classified('text', 'clip/textual')
const ml = (name: string) => ({ url: `http://${name}` })

function running(policy: Partial<Policy> = {}, environment: SelectEnvironment = {}) {
  const events: BackendEvent[] = []
  const runtime = new PolicyRuntime(
    { backends: { gpu: ml('gpu'), nas: ml('nas') }, health: false, ...policy },
    { clock: new FakeClock(), onBackendChange: (event) => events.push(event), ...environment },
  )
  return { runtime, events }
}

describe('a policy in force', () => {
  it('names the tasks of matches and backends, without patterns', () => {
    const { runtime } = running({
      backends: { gpu: ml('gpu'), nas: { ...ml('nas'), tasks: ['ocr', 'clip'] } },
      routes: [
        { match: { task: ['clip', 'face*'] }, backends: ['gpu'] },
        { match: () => false, backends: ['gpu'] },
        { backends: ['gpu', 'nas'] },
      ],
    })
    expect(runtime.tasks).toEqual(['clip', 'ocr'])
  })

  it('is useful while a backend is available or a route holds', async () => {
    const holding = running().runtime
    const { runtime } = running({ hold: false })
    for (const { pool } of [holding, runtime])
      await Promise.all(['gpu', 'nas'].map((name) => pool.group(name).drain()))
    expect([holding.isUseful, runtime.isUseful]).toEqual([true, false])
    runtime.pool.group('nas').enable()
    expect(runtime.isUseful).toBe(true)
  })

  it('leases a backend by its name, whatever the routes say', () => {
    const { runtime } = running()
    const lease = runtime.lease('nas')
    expect([lease.backend.name, lease.route, lease.backend.inFlight]).toEqual(['nas', 'chosen in code', 1])
    lease.release(failed('connect'))
    expect(lease.backend.inFlight).toBe(0)
    expect(() => runtime.lease('mac')).toThrow(RangeError)
  })

  it('has no lease on a backend whose name has no address', async () => {
    const resolver = new FakeResolver()
    const { runtime } = running({ backends: { pods: { ...ml('pods'), discover: 'dns' } } }, { resolver })
    runtime.route(search)
    await settled()
    expect(() => runtime.lease('pods')).toThrow(NoBackendError)
    expect(() => runtime.lease('pods')).toThrow('no such host pods')
  })

  it('puts another policy in force in one turn, and then tells of its backends', () => {
    const { runtime, events } = running()
    const commit = runtime.prepare({ backends: { gpu: ml('gpu'), mac: ml('mac') }, health: false })
    expect(runtime.pool.members.map(({ name }) => name)).toEqual(['gpu', 'nas'])
    const changes = commit()
    expect(runtime.pool.members.map(({ name }) => name)).toEqual(['gpu', 'mac'])
    expect(changes.backends).toMatchObject({ added: ['mac'], removed: ['nas'], replaced: [], changed: [] })
    expect(events.map(({ kind, backend }) => `${backend} ${kind}`)).toEqual(['nas removed', 'mac added'])
  })

  it('calls a backend with another address replaced, and goes on when a listener throws', () => {
    const warnings: unknown[] = []
    const warned = (warning: Error) => warnings.push(warning.message)
    process.on('warning', warned)
    const throwing = () => {
      throw new Error('a listener failed')
    }
    const { runtime } = running({}, { onBackendChange: throwing })
    const changes = runtime.prepare({ backends: { gpu: ml('other'), nas: ml('nas') }, health: false })()
    expect(changes.backends).toMatchObject({ added: [], removed: [], replaced: ['gpu'], changed: [] })
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      process.off('warning', warned)
      expect(warnings).toEqual(['a listener failed', 'a listener failed'])
    })
  })

  it('drains, closes, and takes no other policy then', async () => {
    const { runtime } = running()
    runtime.drain()
    expect(runtime.stopping.aborted).toBe(true)
    const waiting = runtime.route(search).select({})
    runtime.close()
    await expect(waiting).rejects.toBeInstanceOf(RouterClosedError)
    expect(() => runtime.prepare({ backends: { gpu: ml('gpu') } })).toThrow(RouterClosedError)
  })
})
