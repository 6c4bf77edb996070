import { hostname, networkInterfaces } from 'node:os'
import type { ConfigProblem } from '@immich-ml-router/core'
import { formatPath } from '@immich-ml-router/core/parts'
import type { Environment } from './environment.ts'

/** The port of a gateway without `PORT`, which is also the port of Immich's ML server. */
export const DEFAULT_PORT = 3003

/** The names and addresses of this machine. */
export interface Machine {
  readonly hostname: string
  readonly addresses: readonly string[]
}

/**
 * Finds backends that are the gateway itself: a request would go round in circles.
 *
 * @param config The configuration, which need not be valid.
 * @param env `PORT` and `HOST` say where the gateway listens.
 */
export function ownUrlProblems(
  config: unknown,
  env: Environment,
  machine: Machine = thisMachine(),
): ConfigProblem[] {
  // Instead of the port, a socket of the supervisor may be served.
  if (env['LISTEN_FDS']) return []
  const port = Number(env['PORT'] || DEFAULT_PORT)
  return Object.entries(recordOf(recordOf(config)['backends'])).flatMap(([name, backend]) => {
    const { url } = recordOf(backend)
    if (typeof url !== 'string' || !URL.canParse(url)) return []
    const its = new URL(url)
    if (portOf(its) !== port || !isOwn(hostOf(its), env['HOST'], machine)) return []
    const message = `is this gateway itself, which listens on port ${port}; correct the URL, or choose another port for the gateway with PORT`
    return [{ path: formatPath(['backends', name, 'url']), message }]
  })
}

function thisMachine(): Machine {
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces) =>
    (interfaces ?? []).map(({ address }) => address),
  )
  return { hostname: hostname(), addresses }
}

/** @param listensOn The host that the gateway listens on. Default: every address of the machine. */
function isOwn(host: string, listensOn: string | undefined, machine: Machine): boolean {
  if (!listensOn || isWildcard(listensOn)) {
    const [short] = machine.hostname.split('.')
    const names = [machine.hostname, short].map((name) => name?.toLowerCase())
    return isLoopback(host) || isWildcard(host) || names.includes(host) || machine.addresses.includes(host)
  }
  return isLoopback(listensOn) ? isLoopback(host) || isWildcard(host) : host === listensOn.toLowerCase()
}

function isLoopback(host: string): boolean {
  return /^(?:localhost\.?|127\.\d+\.\d+\.\d+|::1)$/.test(host)
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function hostOf({ hostname: host }: URL): string {
  return host.replace(/^\[|\]$/g, '').toLowerCase()
}

function portOf({ protocol, port }: URL): number {
  if (port !== '') return Number(port)
  return protocol === 'https:' ? 443 : 80
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
