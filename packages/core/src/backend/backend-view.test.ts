import { expect, it } from 'vitest'
import { idOf } from './backend-view.ts'

it('tells endpoints of one backend apart, and a backend from an earlier one of the same name', () => {
  const gpu = { name: 'gpu', url: 'http://gpu:3003', endpoint: undefined }
  expect([idOf(gpu), idOf({ ...gpu, endpoint: '10.0.0.3:3003' })]).toEqual([
    'gpu@http://gpu:3003',
    'gpu@10.0.0.3:3003',
  ])
})
