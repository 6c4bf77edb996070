import { expect, it } from 'vitest'
import { defaults } from '../../config/defaults.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { type JobKeys, NO_KEYS } from '../job-keys.ts'
import { Capabilities } from './capabilities.ts'

const OCR: JobKeys = {
  ...NO_KEYS,
  types: ['ocr/detection'],
  models: ['ocr/detection/PP'],
  exact: () => 'exact',
}

it('believes that a backend lacks a task for a while, and reports it once', () => {
  const clock = new FakeClock()
  const capabilities = new Capabilities(clock)
  expect(capabilities.refused(OCR, 'type')).toEqual({ name: 'ocr/detection', until: defaults.lackTime })
  expect(capabilities.refused(OCR, 'type')).toBeUndefined()
  expect(capabilities.refuses(OCR)).toBe(true)
  clock.advance(defaults.lackTime)
  expect(capabilities.refuses(OCR)).toBe(false)
})

it('forgets what a backend lacks once it has served it', () => {
  const capabilities = new Capabilities(new FakeClock())
  capabilities.refused(OCR, 'model')
  capabilities.served(OCR)
  expect([capabilities.refuses(OCR), capabilities.hasServed(OCR), capabilities.lacks]).toEqual([
    false,
    true,
    {},
  ])
})

it('keeps the smallest size that was refused', () => {
  const capabilities = new Capabilities(new FakeClock())
  expect(capabilities.refusedSize(2_000)?.name).toBe('bodies of 2000 bytes or more')
  expect([capabilities.refusedSize(3_000), capabilities.sizeLimit]).toEqual([undefined, 2_000])
  capabilities.refusedSize(1_000)
  expect(capabilities.sizeLimit).toBe(1_000)
  capabilities.served({ ...OCR, size: () => 1_500 })
  expect(capabilities.sizeLimit).toBeUndefined()
})
