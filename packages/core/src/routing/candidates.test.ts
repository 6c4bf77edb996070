import { expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { PolicyRuntime } from '../router/policy-runtime.ts'
import { candidatesOf, isNamed } from './candidates.ts'

it('are the backends that serve the tasks and are not excluded, by name or id', () => {
  const { pool, table } = new PolicyRuntime(
    {
      backends: {
        gpu: { url: 'http://gpu' },
        nas: { url: 'http://nas', tasks: ['ocr'] },
        mac: { url: 'http://mac' },
      },
    },
    {},
  )
  const { request } = table.decide(classified('image', 'clip/visual/m'), {})
  const names = (exclude: readonly string[]) =>
    candidatesOf({ ...request, exclude: new Set(exclude) }).map(({ name }) => name)
  expect([names([]), names(['gpu']), names(['mac@http://mac'])]).toEqual([['gpu', 'mac'], ['mac'], ['gpu']])
  const [gpu] = pool.members
  expect(gpu && [isNamed(gpu, new Set(['gpu'])), isNamed(gpu, new Set(['nas']))]).toEqual([true, false])
})
