import { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { clientOf } from './client-of.ts'

it.each([
  ['172.18.0.5', '172.18.0.5'],
  ['::ffff:172.18.0.5', '172.18.0.5'],
  ['::1', '::1'],
  ['2001:db8::5', '2001:db8::5'],
  ['::ffff:0:5', '::ffff:0:5'],
  [undefined, undefined],
])('the client at %s is %s', (remoteAddress, client) => {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress })
  expect(clientOf({ socket })).toBe(client)
})
