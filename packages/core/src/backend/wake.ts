import dgram from 'node:dgram'

/** How a machine is switched on over the network. */
export interface WakeTarget {
  /** Its MAC address: `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string
  /** Address that the packet is sent to, so that it reaches the machine's network. */
  readonly broadcast: string
  /** UDP port; machines do not look at it. */
  readonly port: number
}

/** A magic packet: six times 255, then the address sixteen times. */
export function magicPacket(mac: string): Buffer {
  const address = Buffer.from(mac.replaceAll(/[:-]/g, ''), 'hex')
  return Buffer.concat([Buffer.alloc(6, 255), ...Array.from({ length: 16 }, () => address)])
}

/**
 * Sends one Wake-on-LAN packet.
 *
 * @throws when the network cannot be reached.
 */
export function sendWakePacket({ mac, broadcast, port }: WakeTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4')
    const finish = (error: Error | null) => {
      socket.close()
      if (error === null) resolve()
      else reject(error)
    }
    socket.once('error', finish)
    socket.bind(() => {
      socket.setBroadcast(true)
      socket.send(magicPacket(mac), port, broadcast, finish)
    })
  })
}
