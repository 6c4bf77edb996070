import { expect, it } from 'vitest'
import { formatEndpoint } from './endpoint.ts'

it('puts an IPv6 address in brackets', () => {
  expect(['10.0.0.3', 'fd00::3'].map((address) => formatEndpoint({ address, port: 3003 }))).toEqual([
    '10.0.0.3:3003',
    '[fd00::3]:3003',
  ])
})
