import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { StartGate } from './start-gate.ts'

it('a request waits until the gate opens; later ones pass at once', async () => {
  const gate = new StartGate()
  const passed: string[] = []
  const guarded = gate.guard(({ url = '' }) => void passed.push(url))
  const ask = (url: string) => guarded({ url } as IncomingMessage, {} as ServerResponse)
  for (const url of ['/1', '/2']) ask(url)
  await Promise.resolve()
  expect(passed).toEqual([])
  gate.open()
  await new Promise((resolve) => setImmediate(resolve))
  expect(passed).toEqual(['/1', '/2'])
  ask('/3')
  expect(passed).toEqual(['/1', '/2', '/3'])
})
