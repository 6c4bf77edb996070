import { once } from 'node:events'
import net from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { Child } from './child.ts'
import type { Echo } from './echo.fixture.ts'

function start(): Child<Echo> {
  const child = new Child<Echo>(new URL('./echo.fixture.ts', import.meta.url))
  onTestFinished(() => child.stop())
  return child
}

it('a child answers calls that were made before it was ready', async () => {
  const child = start()
  expect(await Promise.all([child.call('double', 2), child.call('double', 4)])).toEqual([4, 8])
})

it('what a function throws is thrown here', async () => {
  await expect(start().call('fail', 'no nginx')).rejects.toThrow(/^no nginx$/)
})

it('a child that ends fails its calls with what it has printed', async () => {
  const child = start()
  await expect(child.call('end', 3)).rejects.toThrow(/has ended \(3\): what it has to say/)
  await child.stop()
})

it('a child ends with its parent, even when that is killed', async () => {
  const parent = start()
  const { port } = new URL(await parent.call('listenInChild'))
  const socket = net.connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  const closed = once(socket.on('error', () => {}).resume(), 'close')
  await expect(parent.call('die', 'SIGKILL')).rejects.toThrow('has ended')
  await closed
})
