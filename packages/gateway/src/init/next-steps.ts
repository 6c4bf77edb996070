import { networkInterfaces } from 'node:os'
import type { Environment } from '@immich-ml-router/gateway-kit'
import type { Target } from './targets.ts'

/** The default port of the gateway and of Immich's ML server. */
const PORT = 3003
/** Interfaces of containers and virtual machines: other machines cannot reach them. */
const VIRTUAL = /^(?:docker|br-|veth|virbr|vmnet|podman|cni|flannel|lxc)/

/** Where the gateway will be, and how it is started. */
export interface Place {
  readonly file: string
  readonly port: number
  /** The port if it is not the default of the environment. */
  readonly otherPort: number | undefined
  /** How this command was started. */
  readonly command: string
}

/** Plans the port of the gateway: another one if an ML server on this machine has it. */
export function placeFor(file: string, targets: readonly Target[], env: Environment): Place {
  const given = Number(env['PORT']) || PORT
  const taken = new Set(targets.flatMap(({ url }) => localPort(new URL(url))))
  let port = given
  while (taken.has(port)) port++
  const command = env['npm_command'] === 'exec' ? 'npx @immich-ml-router/gateway' : 'immich-ml-router'
  return { file, port, otherPort: port === given ? undefined : port, command }
}

function localPort({ hostname, port, protocol }: URL): number[] {
  const own = Object.values(networkInterfaces()).flatMap(
    (addresses) => addresses?.map(({ address }) => address) ?? [],
  )
  const isLocal = hostname === 'localhost' || hostname === '[::1]' || own.includes(hostname)
  return isLocal ? [Number(port) || (protocol === 'https:' ? 443 : 80)] : []
}

/** The IPv4 addresses of this machine, physical interfaces first. */
export function ownAddresses(): { readonly address: string; readonly name: string }[] {
  const all = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).flatMap(({ address, family, internal }) =>
      family === 'IPv4' && !internal ? [{ address, name }] : [],
    ),
  )
  return all.toSorted((a, b) => Number(VIRTUAL.test(a.name)) - Number(VIRTUAL.test(b.name)))
}

/** What to do after the file is written. */
export function nextSteps({ file, port, otherPort, command }: Place): string[] {
  const urls = ownAddresses().map(({ address, name }) => [`http://${address}:${port}`, name] as const)
  const width = Math.max(0, ...urls.map(([url]) => url.length))
  const shown =
    urls.length === 0
      ? [`http://<address of this machine>:${port}`]
      : urls.map(([url, name]) => `${url.padEnd(width)}  (${name})`)
  return [
    'Run the gateway:',
    `  ${otherPort === undefined ? '' : `PORT=${otherPort} `}${command} ${file}`,
    ...(otherPort === undefined
      ? []
      : [`  An ML server of this machine has the default port, so the gateway gets ${otherPort}.`]),
    '',
    'Paste its URL into Immich (Administration > Settings > Machine Learning > URL), in place of the others:',
    ...shown.map((line) => `  ${line}`),
    '  Immich runs in a container, where localhost is the container itself.',
    '',
    'See that it works:',
    `  ${command} check ${file} --probe`,
    `  ${command} status${otherPort === undefined ? '' : ` http://127.0.0.1:${port}`}`,
  ]
}
