import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { failed } from '../../../../test/support/outcomes.ts'
import type { BackendOptions, Policy } from '../config/policy.ts'
import { PolicyRuntime } from '../router/policy-runtime.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import type { ExplainOptions, SelectOptions } from './select-options.ts'

const image = classified('image', 'clip/visual/m')

function stage(
  backends: Record<string, Partial<BackendOptions>>,
  policy: Partial<Omit<Policy, 'backends'>> = {},
) {
  const clock = new FakeClock()
  const complete = Object.entries(backends).map(([name, options]) => [
    name,
    { url: `http://${name}`, maxConcurrent: 1, health: false, ...options },
  ])
  const runtime = new PolicyRuntime(
    {
      backends: Object.fromEntries(complete),
      routes: [{ backends: Object.keys(backends), strategy: 'first' }],
      ...policy,
    },
    { clock },
  )
  const decide = (options: ExplainOptions = {}) => runtime.table.decide(image, options).decision
  const select = (options: SelectOptions = {}) => runtime.route(image).select(options)
  return { clock, runtime, decide, select }
}

/** What a decision is, in a line. */
function summary(decision: ReturnType<ReturnType<typeof stage>['decide']>): string {
  switch (decision.kind) {
    case 'forward':
      return `forward to ${decision.backend.name}${decision.isLeastBad ? ', the least bad' : ''}`
    case 'reject':
      return decision.error.message
    default:
      return `${decision.kind}, again at ${decision.retryAt}`
  }
}

function states({ assessments }: ReturnType<ReturnType<typeof stage>['decide']>): string {
  return assessments.map(({ backend, state }) => `${backend.name} ${state}`).join(', ')
}

describe('decide', () => {
  it('forwards to the best candidate, and changes nothing', () => {
    const { runtime, decide } = stage({ gpu: {}, nas: {} })
    const decision = decide()
    expect(summary(decision)).toBe('forward to gpu')
    expect(decision.ranked.map(({ backend }) => backend.name)).toEqual(['gpu', 'nas'])
    expect(runtime.pool.members.map(({ inFlight }) => inFlight)).toEqual([0, 0])
    expect(summary(decide())).toBe('forward to gpu')
  })

  it('queues when the best candidate is full, and spills when the route does', async () => {
    const waits = stage({ gpu: {}, nas: {} })
    await waits.select()
    expect(summary(waits.decide())).toBe('queue, again at Infinity')
    const spills = stage(
      { gpu: {}, nas: {} },
      { routes: [{ backends: ['gpu', 'nas'], strategy: 'first', spill: true }] },
    )
    await spills.select()
    expect([summary(spills.decide()), states(spills.decide())]).toEqual([
      'forward to nas',
      'gpu full, nas candidate',
    ])
  })

  it('queues until a request ends when every candidate is full', async () => {
    const { select, decide } = stage({ gpu: {}, nas: {} }, { routes: [{ backends: ['gpu', 'nas'] }] })
    await select()
    await select()
    expect(summary(decide())).toBe('queue, again at Infinity')
  })

  it('uses a higher tier only when every backend of the lower one is unavailable', async () => {
    const { runtime, select, decide } = stage({ cloud: { tier: 2 }, gpu: {} })
    expect([summary(decide()), states(decide())]).toEqual([
      'forward to gpu',
      'cloud higher-tier, gpu candidate',
    ])
    await select()
    expect(summary(decide())).toBe('queue, again at Infinity')
    runtime.pool.group('gpu').drain()
    expect([summary(decide()), states(decide())]).toEqual([
      'forward to cloud',
      'cloud candidate, gpu unavailable',
    ])
  })

  it('holds until time may remove the first obstacle', () => {
    const { clock, runtime, decide } = stage({ gpu: {} })
    for (let i = 0; i < 3; i++) runtime.lease('gpu').release(failed('connect'))
    const decision = decide()
    expect(decision.kind).toBe('hold')
    const retryAt = decision.kind === 'hold' ? decision.retryAt : 0
    expect(retryAt).toBeGreaterThan(clock.now())
    expect(retryAt).toBeLessThan(Number.POSITIVE_INFINITY)
  })

  it('tries the least bad backend where requests are not held', () => {
    const { runtime, decide } = stage({ gpu: {}, nas: {} }, { hold: false })
    runtime.pool.group('gpu').drain()
    for (let i = 0; i < 3; i++) runtime.lease('nas').release(failed('connect'))
    expect(summary(decide())).toBe('forward to nas, the least bad')
  })

  it('rejects a request that no backend serves, or may serve', () => {
    const { decide } = stage({ gpu: { tasks: ['ocr'] }, nas: {} })
    expect(states(decide())).toBe('gpu lacks-task, nas candidate')
    expect(summary(decide({ exclude: ['nas'] }))).toBe(
      'No backend of route "default" is available: nas is excluded.',
    )
    const none = stage({ gpu: { tasks: ['ocr'] } })
    expect(summary(none.decide())).toBe(
      'No backend of route "default" is available: none of its backends serves clip.',
    )
  })

  it('rejects a new request when too many wait', async () => {
    const { select, decide } = stage({ gpu: {} }, { queue: { maxLength: 1 } })
    await select()
    void select()
    expect(summary(decide())).toBe('1 request queued for a slot (queue.maxLength).')
  })

  it('avoids backends that failed the request, unless no other is free', async () => {
    const { select, decide } = stage({ gpu: {}, nas: {} })
    expect([summary(decide({ avoid: ['gpu'] })), states(decide({ avoid: ['gpu'] }))]).toEqual([
      'forward to nas',
      'gpu tried, nas candidate',
    ])
    await select({ exclude: ['gpu'] })
    expect(summary(decide({ avoid: ['gpu'] }))).toBe('forward to gpu')
  })

  it('prefers a backend without recent failures for a retry', () => {
    const { runtime, decide } = stage({ gpu: {}, nas: {} })
    runtime.lease('gpu').release(failed('reset'))
    expect(summary(decide())).toBe('forward to gpu')
    expect([summary(decide({ retry: true })), states(decide({ retry: true }))]).toEqual([
      'forward to nas',
      'gpu failed-recently, nas candidate',
    ])
  })

  it('lets only retries through while draining', () => {
    const { runtime, decide } = stage({ gpu: {} })
    runtime.drain()
    expect([summary(decide()), summary(decide({ retry: true }))]).toEqual([
      'queue, again at Infinity',
      'forward to gpu',
    ])
  })
})
