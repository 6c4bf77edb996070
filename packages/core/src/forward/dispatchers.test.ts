import { expect, it } from 'vitest'
import { Backend } from '../backend/backend.ts'
import { Dispatchers } from './dispatchers.ts'

const settings = { url: 'http://127.0.0.1:9', weight: 1 }

it('keeps one pool for each backend', async () => {
  const dispatchers = new Dispatchers({})
  const [gpu, nas] = [new Backend('gpu', settings), new Backend('nas', settings)]
  expect(dispatchers.for(gpu)).toBe(dispatchers.for(gpu))
  expect(dispatchers.for(gpu)).not.toBe(dispatchers.for(nas))
  await dispatchers.destroy()
})

it('replaces the pool when the connect timeout or the TLS settings change', async () => {
  const dispatchers = new Dispatchers({})
  const gpu = new Backend('gpu', { ...settings, connectTimeout: 1_000 })
  const first = dispatchers.for(gpu)
  gpu.configure({ ...settings, connectTimeout: 2_000 })
  const second = dispatchers.for(gpu)
  expect(second).not.toBe(first)
  gpu.configure({ ...settings, connectTimeout: 2_000, tls: { servername: 'gpu.lan' } })
  const third = dispatchers.for(gpu)
  expect(third).not.toBe(second)
  // Equal settings are the same settings.
  gpu.configure({ ...settings, connectTimeout: 2_000, tls: { servername: 'gpu.lan' } })
  expect(dispatchers.for(gpu)).toBe(third)
  await dispatchers.destroy()
  expect(third.destroyed).toBe(true)
})
