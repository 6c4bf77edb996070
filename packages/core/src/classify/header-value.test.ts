import { expect, it } from 'vitest'
import { parseHeaderValue } from './header-value.ts'

it.each<[string, string, Record<string, string>]>([
  ['form-data; name="a"; filename=b', 'form-data', { name: 'a', filename: 'b' }],
  ['form-data; name="a;b\\"c"', 'form-data', { name: 'a;b"c' }],
  ['\u00a0 form-data ;\tNAME = a ', 'form-data', { name: 'a' }],
  ['form-data; name=a; name=b; filename', 'form-data', { name: 'b', filename: '' }],
  ["form-data; name=a; name*=utf-8''b", 'form-data', { name: 'a' }],
  ['form-data; name="a', 'form-data', { name: '"a' }],
  ['', '', {}],
])('%s', (text, value, parameters) => {
  const header = parseHeaderValue(text, 16)
  expect(header?.value).toBe(value)
  expect(Object.fromEntries(header?.parameters ?? [])).toEqual(parameters)
})

it('rejects too many parameters', () => {
  expect(parseHeaderValue('a; b=1; c=2', 2)?.parameters.size).toBe(2)
  expect(parseHeaderValue('a; b=1; c=2; d=3', 2)).toBeUndefined()
})
