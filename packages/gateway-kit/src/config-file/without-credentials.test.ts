import { expect, it } from 'vitest'
import { withoutCredentials } from './without-credentials.ts'

it.each([
  ['http://gpu:3003', 'http://gpu:3003'],
  ['"https://gpu.lan/ml/"', '"https://gpu.lan/ml/"'],
  ['http://[fd00::1]:3003', 'http://[fd00::1]:3003'],
  ['gpu:3003', 'gpu:3003'],
  ['http://me:s3cret@gpu:3003', 'http://***@gpu:3003'],
  ["'http://me:s3cret@gpu'", "'http://***@gpu'"],
  ['http://me:s3@cret@gpu', 'http://***@gpu'],
  ['s3cret:x@gpu', '***@gpu'],
  ['http://me:s3cret', 'http://me***'],
  ['http://gpu?token=s3cret', 'http://gpu***'],
  ['http://gpu s3cret', 'http://gpu***'],
  ['Bearer s3cret', 'Bearer***'],
  ['${GPU_URL}', '${GPU_URL}'],
  ['"${GPU_URL:-http://me:s3cret@gpu}"', '"${GPU_URL:-http://***@gpu}"'],
  ['http://${HOST}:${PORT}/ml', 'http://${HOST}:${PORT}/ml'],
  ['http://u:${file:/run/secrets/p}@gpu', 'http://***@gpu'],
  ['${file:/run/secrets/url}', '${file:/run/secrets/url}'],
])('%s', (source, shown) => {
  expect(withoutCredentials(source, ['backends', 'gpu', 'url'])).toBe(shown)
})

it('leaves other values as they are', () => {
  expect(withoutCredentials('12 hours', ['hold'])).toBe('12 hours')
})
