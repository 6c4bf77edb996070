import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { offer } from './offer.ts'

const echo = {
  double: (number: number) => number * 2,
  fail(message: string): never {
    throw new Error(message)
  },
  end(code: number): void {
    console.error('what it has to say')
    process.exit(code)
  },
  /** A sign of life: what is connected to this port sees it close when the process is gone. */
  async listen(host: string): Promise<number> {
    const server = net.createServer((socket) => socket.on('error', () => {})).listen(0, host)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
}

export type Echo = typeof echo

offer(echo)
