import { describe, expect, it } from 'vitest'
import { dnsServer } from '../../../../test/support/dns-server.ts'
import { dnsResolver } from './resolver.ts'

const { signal } = new AbortController()

describe('dnsResolver', () => {
  it('gives the IPv4 addresses of a name with their TTL, and does not ask for others', async () => {
    const server = await dnsServer({ 'ml.test': { A: ['10.0.0.1', '10.0.0.2'], AAAA: ['fd00::1'] } })
    server.ttl = 7
    const { addresses } = dnsResolver({ servers: [server.address] })
    expect(await addresses('ml.test', signal)).toEqual([
      { address: '10.0.0.1', ttl: 7 },
      { address: '10.0.0.2', ttl: 7 },
    ])
    expect(server.asked).toEqual(['A ml.test'])
  })

  it('gives the IPv6 addresses of a name that has no others', async () => {
    const server = await dnsServer({ 'ml.test': { AAAA: ['fd00::1'] } })
    const { addresses } = dnsResolver({ servers: [server.address] })
    expect(await addresses('ml.test', signal)).toEqual([{ address: 'fd00::1', ttl: 60 }])
    expect(server.asked).toEqual(['A ml.test', 'AAAA ml.test'])
  })

  it('gives the records of a service', async () => {
    const server = await dnsServer({
      '_http._tcp.ml.test': { SRV: [{ target: 'ml-1.test', port: 3003, priority: 10, weight: 5 }] },
    })
    const { services } = dnsResolver({ servers: [server.address] })
    expect(await services('_http._tcp.ml.test', signal)).toMatchObject([
      { name: 'ml-1.test', port: 3003, priority: 10, weight: 5 },
    ])
  })

  it('rejects a name without addresses, and an unknown service', async () => {
    const server = await dnsServer({ 'empty.test': {} })
    const { addresses, services } = dnsResolver({ servers: [server.address] })
    await expect(addresses('unknown.test', signal)).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await expect(addresses('empty.test', signal)).rejects.toMatchObject({ code: 'ENODATA' })
    await expect(services('unknown.test', signal)).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })

  it('asks the operating system if the servers have no answer', async () => {
    const server = await dnsServer()
    const { addresses } = dnsResolver({ servers: [server.address], lookup: true })
    const found = await addresses('localhost', signal)
    expect(found).not.toEqual([])
    for (const { address, ttl } of found) {
      expect(['127.0.0.1', '::1']).toContain(address)
      expect(ttl).toBeUndefined()
    }
    expect(server.asked).toEqual(['A localhost'])
  })

  it('cancels a query without asking the operating system', async () => {
    const server = await dnsServer()
    server.silent = true
    const { addresses } = dnsResolver({ servers: [server.address], lookup: true })
    const controller = new AbortController()
    const asked = addresses('localhost', controller.signal)
    controller.abort()
    await expect(asked).rejects.toMatchObject({ code: 'ECANCELLED' })
  })

  it('rejects a server that is not an address', () => {
    expect(() => dnsResolver({ servers: ['dns.example'] })).toThrow(TypeError)
  })
})
