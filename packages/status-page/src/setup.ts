import { existsSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, isIPv6, Server } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import type { SetupView } from './wire.ts'

/** Where the server of a request listens. */
export interface Listener {
  readonly protocol: 'http' | 'https'
  /** `::` or `0.0.0.0` for every address of the machine. */
  readonly address: string
  readonly port: number
  /** Path on which a framework mounts the page. */
  readonly mount: string
}

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/** The listener that a request of the page came to; `undefined` for a socket without a port. */
export function listenerOf(req: IncomingMessage): Listener | undefined {
  const { socket, url = '' } = req
  // Node does not document the socket's server. Without it, the address that this client used stands for all.
  const server: unknown = Reflect.get(socket, 'server')
  const bound = server instanceof Server ? server.address() : undefined
  const { address = socket.localAddress, port = socket.localPort }: Partial<AddressInfo> =
    typeof bound === 'object' && bound !== null ? bound : {}
  if (address === undefined || port === undefined) return undefined
  const original: unknown = Reflect.get(req, 'originalUrl')
  const isMounted = typeof original === 'string' && original.endsWith(url)
  return {
    protocol: Reflect.get(socket, 'encrypted') === true ? 'https' : 'http',
    address,
    port,
    mount: isMounted ? original.slice(0, original.length - url.length) : '',
  }
}

/** Addresses are few; a host of many containers can have hundreds. */
const MOST = 6
/** Bridges between containers or virtual machines: other machines do not reach their addresses. */
const BRIDGE = /^(?:docker|br-|veth|virbr|vmnet|vboxnet|lxc|lxd|cni|flannel|podman|cali)/
const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/
const EVERY = new Set(['::', '0.0.0.0'])

/**
 * How Immich can reach the router.
 *
 * @param path The router's option `path`, such as `/ml`; empty for none.
 */
export function setupOf(
  { protocol, address, port, mount }: Listener,
  path: string,
  { interfaces = networkInterfaces(), inContainer = IN_CONTAINER } = {},
): SetupView {
  const whole = `${mount}${path}`.replace(/\/+$/, '')
  // Immich keeps the path of a URL that ends in a slash.
  const shown = whole === '' ? '' : `${whole}/`
  const isContainer = inContainer && isIsolated(interfaces)
  const isLoopback = LOOPBACK.test(address)
  const own = EVERY.has(address) ? (isContainer ? [] : addressesOf(interfaces)) : isLoopback ? [] : [address]
  const addresses = own.map((host) => `${protocol}://${isIPv6(host) ? `[${host}]` : host}:${port}${shown}`)
  return { addresses, port, path: shown, isContainer, isLoopback }
}

/** The addresses of the machine that others may reach: IPv4 first, bridges last. */
function addressesOf(interfaces: Interfaces): string[] {
  const found = Object.entries(interfaces).flatMap(([name, infos = []]) =>
    infos
      .filter(({ address, internal }) => !internal && !isLinkLocal(address))
      .map(({ address, family }) => ({
        address,
        place: (BRIDGE.test(name) ? 2 : 0) + (family === 'IPv4' ? 0 : 1),
      })),
  )
  return found
    .sort((a, b) => a.place - b.place)
    .slice(0, MOST)
    .map(({ address }) => address)
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address)
}

/** Whether a container has a network of its own: with that of the machine, the names of its interfaces are others. */
function isIsolated(interfaces: Interfaces): boolean {
  return Object.entries(interfaces).every(
    ([name, infos = []]) => infos.every(({ internal }) => internal) || /^eth\d+$/.test(name),
  )
}

const IN_CONTAINER =
  existsSync('/.dockerenv') ||
  existsSync('/run/.containerenv') ||
  process.env['KUBERNETES_SERVICE_HOST'] !== undefined
