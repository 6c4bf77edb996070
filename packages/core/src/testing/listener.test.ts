import { once } from 'node:events'
import net from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { Listener } from './listener.ts'

it('refuses connections also when another program has got its port', async () => {
  const listener = new Listener({ host: '127.0.0.1', port: 0, handle: async (_, res) => void res.end() })
  await listener.open()
  await listener.close()
  const other = net.createServer().listen(listener.port, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  await listener.refuse()
  expect(await listener.connections()).toBe(0)
  await listener.close()
})
