import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { Count, Durations } from './families.ts'

function contextOf() {
  const registry = new Registry()
  const lines = async () =>
    (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return { context: { registry, prefix: 'x_', names: [], beforeRead: () => {} }, lines }
}

it('starts a counter at 0, and drops the series of removed labels', async () => {
  const { context, lines } = contextOf()
  const count = new Count(context, 'n_total', 'n', ['route'])
  count.begin({ route: 'a' })
  count.add({ route: 'b' }, 2)
  count.begin({ route: 'b' })
  expect(await lines()).toEqual(['x_n_total{route="a"} 0', 'x_n_total{route="b"} 2'])
  count.prune(({ route }) => route !== 'b')
  expect(await lines()).toEqual(['x_n_total{route="a"} 0'])
  count.add({ route: 'b' })
  expect(await lines()).toContain('x_n_total{route="b"} 1')
  expect(context.names).toEqual(['x_n_total'])
})

it('converts durations to seconds, and keeps them when a series begins again', async () => {
  const { context, lines } = contextOf()
  const durations = new Durations(context, 's', 's', ['route'], [1])
  durations.begin({ route: 'a' })
  durations.observe({ route: 'a' }, 1_500)
  durations.begin({ route: 'a' })
  expect(await lines()).toEqual([
    'x_s_bucket{le="1",route="a"} 0',
    'x_s_bucket{le="+Inf",route="a"} 1',
    'x_s_sum{route="a"} 1.5',
    'x_s_count{route="a"} 1',
  ])
})
