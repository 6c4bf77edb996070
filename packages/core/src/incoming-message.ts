import { type IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** The head of a predict request, as far as routes and tenants depend on it. The client wrote it: it is untrusted. */
export interface RequestHead {
  /** By name in lower case. */
  readonly headers: Readonly<IncomingHttpHeaders>
  /** The address of the client, IPv4 in the usual form; `undefined` if the connection has ended. */
  readonly client: string | undefined
  /**
   * The path as the client sent it, without the query: `/family/predict`. It includes the prefix that a framework mounts the
   * middleware on.
   */
  readonly path: string
}

/** The head of a request that only its classification is known of. */
export const NO_HEAD: RequestHead = { headers: {}, client: undefined, path: '' }

/** Prefix of an IPv4 address on a server that also listens to IPv6, which is the default (RFC 4291). */
const MAPPED = '::ffff:'

/** The head of a request of node:http. */
export class IncomingHead implements RequestHead {
  readonly client: string | undefined
  readonly #req: IncomingMessage

  constructor(req: IncomingMessage) {
    // At once: when the connection ends, its socket forgets the address.
    const { remoteAddress } = req.socket
    this.client =
      remoteAddress?.startsWith(MAPPED) && remoteAddress.includes('.')
        ? remoteAddress.slice(MAPPED.length)
        : remoteAddress
    this.#req = req
  }

  get headers(): IncomingHttpHeaders {
    return this.#req.headers
  }

  get path(): string {
    // Frameworks that cut their mount prefix off `url` keep the whole of it here, as Connect did first.
    const original: unknown = Reflect.get(this.#req, 'originalUrl')
    return pathOf(typeof original === 'string' ? { url: original } : this.#req)
  }
}

/** The complete head of a request, or of the part of it that is known. A spread would lose the getters of a request. */
export function headOf(request: Partial<RequestHead> | IncomingMessage | Request | undefined): RequestHead {
  if (request === undefined) return NO_HEAD
  if (request instanceof IncomingHead) return request
  if (request instanceof IncomingMessage) return new IncomingHead(request)
  if (request instanceof Request)
    return { headers: Object.fromEntries(request.headers), client: undefined, path: pathOf(request) }
  const { headers = {}, client, path = '' } = request
  return { headers: lowerCased(headers), client, path }
}

function lowerCased(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** The origin of a request target in absolute form (RFC 9112 section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?#]*/i

/** The path of a request as sent, without the query. Clients of a proxy send the whole URL. */
export function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const isAbsolute = !url.startsWith('/') && ORIGIN.test(url)
  const [path = ''] = (isAbsolute ? url.replace(ORIGIN, '') : url).split('?', 1)
  return isAbsolute && path === '' ? '/' : path
}

/**
 * The path of a request relative to a base path without a trailing slash.
 *
 * @returns `undefined` if the path is not below the base path.
 */
export function pathBelow(base: string, req: Pick<IncomingMessage, 'url'>): string | undefined {
  const path = pathOf(req)
  if (base === '') return path
  if (path === base) return '/'
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}
