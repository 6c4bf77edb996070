import { describe, expect, it } from 'vitest'
import { mayLackTask, retryAfterOf, saysTaskIsUnknown } from './refusals.ts'

describe('a refusal', () => {
  it.each([
    'Unknown task: ocr',
    '{"detail":"Unsupported model task facial-recognition"}',
    `{"detail":"Task 'ocr' is not supported"}`,
    '{"error":"task ocr not implemented on this device"}',
    'No such task',
    'invalid task "ocr"',
    'The OCR task is not available here',
  ])('%s says that the task is unknown', (body) => {
    expect(saysTaskIsUnknown(body)).toBe(true)
  })

  it.each([
    '',
    '{"detail":"Invalid request format."}',
    '{"detail":"Either image or text must be provided"}',
    'unknown model ViT-B-32',
    'The task queue is full',
    'multitasking is unknown',
    `task ${'x'.repeat(200)} unknown`,
  ])('%s does not', (body) => {
    expect(saysTaskIsUnknown(body)).toBe(false)
  })

  it('is looked at when it is a small client error', () => {
    const looked = (status: number, length?: string) =>
      mayLackTask(status, length === undefined ? {} : { 'content-length': length })
    expect([looked(400), looked(422, '40'), looked(404, '20000')]).toEqual([true, true, false])
    expect([looked(200), looked(429), looked(500)]).toEqual([false, false, false])
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')

  it.each([
    ['30', 30_000],
    ['0', undefined],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Thu, 01 Jan 2026 00:00:00 GMT', undefined],
    ['86400', 300_000],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (value, time) => {
    expect(retryAfterOf(value, now)).toBe(time)
  })
})
