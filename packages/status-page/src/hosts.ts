import type { IncomingMessage } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { shorten } from '@immich-ml-router/core/parts'

const ANY = '*'

/** What is read of a request. */
type HostRequest = Pick<IncomingMessage, 'headers' | 'url'> &
  Partial<Pick<IncomingMessage, 'headersDistinct'>>

/**
 * The names under which the page may be opened. A site that makes its own name resolve to the router's address (DNS
 * rebinding) would read the page otherwise: the browser takes both for one origin. It cannot do so with an IP address.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>

  /** @throws {RangeError} when they are no list, or one of them is not a host name. */
  constructor(names: readonly string[]) {
    if (!Array.isArray(names))
      throw new RangeError('hosts must be a list of host names, such as ["ml.example.org"].')
    this.#names = new Set(names.map(configured))
  }

  /** The name of the request that is not allowed; `undefined` when it may see the page. */
  refused(req: HostRequest): string | undefined {
    if (this.#names.has(ANY)) return undefined
    return givenIn(req).find((host) => !this.#allows(host))
  }

  #allows(host: string): boolean {
    const [, address, written = ''] = HOST.exec(host) ?? []
    if (address !== undefined) return isIPv6(address)
    const name = normal(written)
    if (name === '') return false
    return isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost') || this.#names.has(name)
  }
}

/** An IPv6 address in brackets or a name, and a port. */
const HOST = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d*)?$/

/** What the error message says. */
export function hostRefusal(host: string): string {
  return (
    `The status page is not served as "${shorten(host)}". Open it by IP address or as localhost, or allow the name: ` +
    'STATUS_PAGE_HOSTS of a gateway, option "hosts" of statusPage().'
  )
}

/** A browser always names the host: in `Host`, in HTTP/2 in `:authority`, to a proxy in the URL. */
function givenIn({ headers, headersDistinct, url = '' }: HostRequest): string[] {
  const target = !url.startsWith('/') && URL.canParse(url) ? new URL(url).host : ''
  // Node drops a second Host, which a proxy in between may have gone by.
  const hosts = headersDistinct?.['host'] ?? [headers.host ?? '']
  return [...hosts, headers[':authority'] ?? '', target].flat().filter((host) => host !== '')
}

function configured(name: string): string {
  if (name === ANY) return ANY
  // It takes what follows the name for the rest of a URL.
  const ascii = typeof name !== 'string' || /[\s/\\:?#@%]/.test(name) ? '' : normal(domainToASCII(name))
  if (!/^[a-z\d_]([a-z\d._-]*[a-z\d_])?$/.test(ascii))
    throw new RangeError(
      `hosts has "${shorten(String(name))}", which is not a host name; write it without scheme, port and path, such as "ml.example.org".`,
    )
  return ascii
}

/** Without the dot of the root. */
function normal(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
