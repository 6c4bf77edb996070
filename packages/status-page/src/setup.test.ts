import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { type Listener, setupOf } from './setup.ts'

function infos(...addresses: string[]): NetworkInterfaceInfo[] {
  return addresses.map((address) => {
    const internal = address === '127.0.0.1' || address === '::1'
    const common = { address, internal, mac: '', cidr: null, netmask: '' }
    return address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' }
  })
}

const every: Listener = { protocol: 'http', address: '::', port: 3003, mount: '' }
const machine = {
  lo: infos('127.0.0.1', '::1'),
  docker0: infos('172.17.0.1'),
  'br-1f2e': infos('172.18.0.1', 'fd00:1::1'),
  enp3s0: infos('fe80::1', 'fd00::5', '192.168.1.5'),
  wlan0: infos('169.254.7.7', '192.168.1.6'),
}
const container = { lo: infos('127.0.0.1'), eth0: infos('172.18.0.4') }

describe('the addresses for Immich', () => {
  it('are those of the machine: IPv4 first, bridges last, no link-local or loopback ones', () => {
    expect(setupOf(every, '', { interfaces: machine, inContainer: false })).toEqual({
      addresses: [
        'http://192.168.1.5:3003',
        'http://192.168.1.6:3003',
        'http://[fd00::5]:3003',
        'http://172.17.0.1:3003',
        'http://172.18.0.1:3003',
        'http://[fd00:1::1]:3003',
      ],
      port: 3003,
      path: '',
      isContainer: false,
      isLoopback: false,
    })
  })

  it('are at most 6', () => {
    const interfaces = { eno1: infos(...Array.from({ length: 20 }, (_, i) => `10.0.0.${i}`)) }
    expect(setupOf(every, '', { interfaces, inContainer: false }).addresses).toHaveLength(6)
  })

  it('are unknown in a container, unless it has the network of the machine', () => {
    const within = setupOf(every, '', { interfaces: container, inContainer: true })
    expect(within).toMatchObject({ addresses: [], isContainer: true })
    const onHost = setupOf(every, '', { interfaces: machine, inContainer: true })
    expect(onHost).toMatchObject({ isContainer: false })
    expect(onHost.addresses[0]).toBe('http://192.168.1.5:3003')
    // The same names on a machine of its own.
    expect(setupOf(every, '', { interfaces: container, inContainer: false }).addresses).toEqual([
      'http://172.18.0.4:3003',
    ])
  })

  it('are the one that the server listens on, and none for a loopback address', () => {
    const options = { interfaces: machine, inContainer: false }
    const one = setupOf({ ...every, address: '192.168.1.6' }, '', options)
    expect(one).toMatchObject({ addresses: ['http://192.168.1.6:3003'], isLoopback: false })
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
      expect(setupOf({ ...every, address }, '', options)).toMatchObject({ addresses: [], isLoopback: true })
  })

  it('have the path of the mount and of the router, with a slash at the end', () => {
    const options = { interfaces: { eno1: infos('10.0.0.1') }, inContainer: false }
    const { addresses, path } = setupOf({ ...every, protocol: 'https', mount: '/ai' }, '/ml', options)
    expect([addresses, path]).toEqual([['https://10.0.0.1:3003/ai/ml/'], '/ai/ml/'])
  })
})
