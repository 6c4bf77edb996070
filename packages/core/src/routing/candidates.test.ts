import { expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { PolicyRuntime } from '../router/policy-runtime.ts'
import { Candidates, isNamed } from './candidates.ts'

it('are the backends that serve the tasks and are not excluded, by name or id', () => {
  const { pool } = new PolicyRuntime(
    {
      backends: {
        gpu: { url: 'http://gpu' },
        nas: { url: 'http://nas', tasks: ['ocr'] },
        mac: { url: 'http://mac' },
      },
    },
    {},
  )
  const members = pool.membersOf(['gpu', 'nas', 'mac'])
  const { tasks } = classified('image', 'clip/visual/m')
  const names = (exclude: readonly string[]) =>
    new Candidates(members, tasks, new Set(exclude)).now.map(({ name }) => name)
  expect([names([]), names(['gpu']), names(['mac@http://mac'])]).toEqual([['gpu', 'mac'], ['mac'], ['gpu']])
  const [gpu] = pool.members
  expect(gpu && [isNamed(gpu, new Set(['gpu'])), isNamed(gpu, new Set(['nas']))]).toEqual([true, false])
})
