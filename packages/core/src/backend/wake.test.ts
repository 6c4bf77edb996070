import dgram from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { magicPacket, sendWakePacket } from './wake.ts'

it('is six times 255, then the address sixteen times, with either separator', () => {
  const packet = magicPacket('01:23:45:67:89:ab')
  expect([packet.length, packet.subarray(0, 6), packet.subarray(96)]).toEqual([
    102,
    Buffer.alloc(6, 255),
    Buffer.from('0123456789ab', 'hex'),
  ])
  expect(magicPacket('01-23-45-67-89-ab')).toEqual(packet)
})

it('is sent by UDP', async () => {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  const received = once(socket, 'message')
  await sendWakePacket({ mac: '01:23:45:67:89:ab', broadcast: '127.0.0.1', port })
  expect((await received)[0]).toEqual(magicPacket('01:23:45:67:89:ab'))
  socket.close()
})

it('fails when the address is not one', async () => {
  await expect(
    sendWakePacket({ mac: '01:23:45:67:89:ab', broadcast: 'nowhere.invalid', port: 9 }),
  ).rejects.toThrow()
})
