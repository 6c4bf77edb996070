import { expect, it, onTestFinished, vi } from 'vitest'
import { callSafely } from './call-safely.ts'

it.each([
  [new Error('broken'), new Error('broken')],
  ['broken', 'broken'],
  [7, '7'],
])('turns what a listener throws into a warning: %s', (thrown, warning) => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  callSafely(() => {
    throw thrown
  })
  expect(warn).toHaveBeenCalledExactlyOnceWith(warning)
})
