import { describe, expect, it } from 'vitest'
import type { Asked } from './backend-answer.ts'
import { missingCapability, readErrorBody } from './detail.ts'

const asked = (written = '', names: readonly string[] = []): Asked => ({
  backend: 'gpu',
  tasks: ['ocr'],
  names: () => names,
  written: () => written,
})

describe('an error', () => {
  it.each([
    ['Unknown task: ocr', 'type'],
    ['Unsupported model task facial-recognition', 'type'],
    [`Task 'ocr' is not supported`, 'type'],
    ['task ocr not implemented on this device', 'type'],
    ['No such task', 'type'],
    ['invalid task "ocr"', 'type'],
    ['The OCR task is not available here', 'type'],
    ['unknown model type visual', 'type'],
    ['unknown model ViT-B-32', 'model'],
    [`Model 'buffalo_l' not found`, 'model'],
    ['', undefined],
    ['Invalid request format.', undefined],
    ['Either image or text must be provided', undefined],
    ['The task queue is full', undefined],
    ['multitasking is unknown', undefined],
    [`task ${'x'.repeat(200)} unknown`, undefined],
    ['Unsupported Media Type', undefined],
  ])('%s: lacks %s', (text, lacks) => {
    expect(missingCapability(text, asked())).toBe(lacks)
  })

  it('ignores the words of the client', () => {
    expect(missingCapability('cannot read unknown task', asked('filename="unknown task"'))).toBeUndefined()
    expect(missingCapability('no result for unknown task', asked('', ['unknown task']))).toBeUndefined()
    expect(missingCapability('Unknown task: unknown task', asked('', ['unknown task']))).toBe('type')
  })

  it('ignores the answer to a request with too many names', () => {
    const names = Array.from({ length: 1_001 }, (_, index) => `name-${index}`)
    expect(missingCapability('Unknown task: ocr', asked('', names.slice(1)))).toBe('type')
    expect(missingCapability('Unknown task: ocr', asked('', names))).toBeUndefined()
    expect(missingCapability('Unknown task: ocr', asked('', Array(2_000).fill('name')))).toBe('type')
  })
})

describe('the body of an error', () => {
  it.each([
    ['{"detail":"Invalid request format."}', 'Invalid request format.', 'Invalid request format.'],
    [
      '{"detail":[{"type":"missing","loc":["body","entries"],"msg":"Field required","input":"unknown task"}]}',
      'Field required',
      'Field required',
    ],
    ['{"error":"task ocr not implemented"}', undefined, 'task ocr not implemented'],
    ['{"message":"Unauthorized"}', undefined, 'Unauthorized'],
    ['<html>', undefined, ''],
    ['[]', undefined, ''],
    ['null', undefined, ''],
    ['{"detail":5}', undefined, ''],
  ])('%s', (body, detail, text) => {
    expect(readErrorBody(Buffer.from(body))).toEqual({ detail, text })
  })

  it('ignores a body over 32 KiB', () => {
    const bodyOf = (size: number) =>
      Buffer.from(JSON.stringify({ detail: 'x'.repeat(size - '{"detail":""}'.length) }))
    expect(readErrorBody(bodyOf(32 * 1024)).detail).toHaveLength(32 * 1024 - 13)
    expect(readErrorBody(bodyOf(32 * 1024 + 1))).toEqual({ detail: undefined, text: '' })
  })
})
