import { networkInterfaces } from 'node:os'
import { DEFAULT_PORT, type Environment, ownUrlProblems } from '@immich-ml-router/gateway-kit'
import { NAME } from '../name.ts'
import type { Target } from './targets.ts'

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
  const given = Number(env['PORT']) || DEFAULT_PORT
  const backends = Object.fromEntries(targets.map(({ name, url }) => [name, { url }]))
  const isTaken = (port: number) => ownUrlProblems({ backends }, { ...env, PORT: String(port) }).length > 0
  let port = given
  while (isTaken(port)) port++
  return { file, port, otherPort: port === given ? undefined : port, command: ownCommand(env) }
}

/** How this process was started: with npx, in a clone of the repository, or as an installed command. */
function ownCommand(env: Environment): string {
  if (env['npm_command'] === 'exec') return 'npx @immich-ml-router/gateway'
  const isClone = env['npm_command'] === 'start' && env['npm_package_name'] === NAME
  return isClone ? 'npm start --' : NAME
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

/** The command with its variable, as a person types it: `PORT=3004 immich-ml-router`. */
export function commandText({ command, otherPort }: Pick<Place, 'command' | 'otherPort'>): string {
  return `${otherPort === undefined ? '' : `PORT=${otherPort} `}${command}`
}

/** What to do after the file is written. */
export function nextSteps(place: Place): string[] {
  const { file, port, otherPort } = place
  const command = commandText(place)
  const urls = ownAddresses().map(({ address, name }) => [`http://${address}:${port}`, name] as const)
  const width = Math.max(0, ...urls.map(([url]) => url.length))
  const shown =
    urls.length === 0
      ? [`http://<address of this machine>:${port}`]
      : urls.map(([url, name]) => `${url.padEnd(width)}  (${name})`)
  return [
    'Run the gateway:',
    `  ${command} ${file}`,
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
    `  ${command} status`,
  ]
}
