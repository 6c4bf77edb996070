import type { IncomingMessage } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { shorten } from '@immich-ml-router/core/parts'

const ANY = '*'

/** The part of a request that is checked. */
type HostRequest = Pick<IncomingMessage, 'headers' | 'url'> &
  Partial<Pick<IncomingMessage, 'headersDistinct'>>

/**
 * The host names of the page. Without this check, a site whose name resolves to the router's address (DNS rebinding) could
 * read the page: for the browser, both are one origin. IP addresses cannot be rebound.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>

  /** @throws {RangeError} when `names` is not a list of host names. */
  constructor(names: readonly string[]) {
    if (!Array.isArray(names))
      throw new RangeError('hosts must be a list of host names, such as ["ml.example.org"].')
    this.#names = new Set(names.map(configured))
  }

  /** The host of the request that is not allowed; `undefined` when all are. */
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

/** The message of a 421. */
export function hostRefusal(host: string): string {
  return (
    `The status page is not served as "${shorten(host)}". Open it by IP address or as localhost, or allow the name: ` +
    'STATUS_PAGE_HOSTS of a gateway, option "hosts" of statusPage().'
  )
}

/** Every host of a request: in `Host`, in `:authority` for HTTP/2, and in the URL for a proxy. A browser always sends one. */
function givenIn({ headers, headersDistinct, url = '' }: HostRequest): string[] {
  const target = !url.startsWith('/') && URL.canParse(url) ? new URL(url).host : ''
  // Node ignores a second Host header, but a proxy in front may have used it.
  const hosts = headersDistinct?.['host'] ?? [headers.host ?? '']
  return [...hosts, headers[':authority'] ?? '', target].flat().filter((host) => host !== '')
}

function configured(name: string): string {
  if (name === ANY) return ANY
  // domainToASCII ignores the characters after a separator of URLs.
  const ascii = typeof name !== 'string' || /[\s/\\:?#@%]/.test(name) ? '' : normal(domainToASCII(name))
  if (!/^[a-z\d_]([a-z\d._-]*[a-z\d_])?$/.test(ascii))
    throw new RangeError(
      `hosts has "${shorten(String(name))}", which is not a host name; write it without scheme, port and path, such as "ml.example.org".`,
    )
  return ascii
}

/** In lower case, without the trailing dot. */
function normal(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
