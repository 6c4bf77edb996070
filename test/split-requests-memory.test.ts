import { expect, it } from 'vitest'
import { post } from './support/client.ts'
import { until } from './support/servers.ts'
import { splitPool, twoTasks } from './support/split-pool.ts'

it('uploads that do not fit into memory together do not wait for each other', async () => {
  const { url, router, inFlight } = await splitPool({
    bodySpool: false,
    totalBodyMemory: '8mb',
    bodyMemory: '1mb',
    hold: '1h',
  })
  const body = twoTasks(3_000_000)
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(url, body)))
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  await until(() => router.status().bodies.memory === 0, 'the memory is free')
  expect(inFlight()).toBe(0)
})
