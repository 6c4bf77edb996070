import { describe, expect, it } from 'vitest'
import type { SetupView } from '../src/wire.ts'
import { addressesFor } from './addresses.ts'

const setup: SetupView = { addresses: [], port: 3003, path: '', isContainer: false, isLoopback: false }
const pageAt = (url: string) => new URL(url)
const lan = ['http://192.168.1.5:3003', 'http://172.17.0.1:3003']

describe('the addresses for Immich', () => {
  it('are those of the machine, and never localhost', () => {
    const { urls, note } = addressesFor({ ...setup, addresses: lan }, pageAt('http://localhost:3003/_router'))
    expect(urls).toEqual(lan)
    expect(note).toMatch(/try the next/)
  })

  it('begin with the address under which the page was opened', () => {
    const page = pageAt('https://ml.example.org/_router/')
    expect(addressesFor({ ...setup, addresses: lan }, page).urls).toEqual(['https://ml.example.org', ...lan])
    const same = pageAt('http://192.168.1.5:3003/_router')
    expect(addressesFor({ ...setup, addresses: lan }, same).urls).toEqual(lan)
  })

  it('keep a mount path and the path of the router', () => {
    const { urls } = addressesFor(setup, pageAt('http://nas:3003/ai/_router'))
    expect(urls).toEqual(['http://nas:3003/ai/'])
    const within = { ...setup, addresses: ['http://10.0.0.1:3003/ml/'], path: '/ml/' }
    expect(addressesFor(within, pageAt('http://nas:3003/_router')).urls).toEqual([
      'http://nas:3003/ml/',
      'http://10.0.0.1:3003/ml/',
    ])
  })

  it('are the name of the service in a container, and the published address', () => {
    const within = { ...setup, isContainer: true }
    const local = addressesFor(within, pageAt('http://localhost:3013/_router'))
    expect(local.urls).toEqual(['http://<service>:3003'])
    expect(local.note).toMatch(/sees only the addresses inside .* port that is published for 3003/)
    const remote = addressesFor(within, pageAt('http://192.168.1.5:3013/_router'))
    expect(remote.urls).toEqual(['http://<service>:3003', 'http://192.168.1.5:3013'])
  })

  it('say that the loopback address is not enough', () => {
    const { urls, note } = addressesFor(
      { ...setup, isLoopback: true },
      pageAt('http://localhost:3003/_router'),
    )
    expect(urls).toEqual(['http://localhost:3003'])
    expect(note).toMatch(/no container.*HOST=0\.0\.0\.0/)
  })
})
