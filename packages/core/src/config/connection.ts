import type { BackendSettings } from '../backend/backend-settings.ts'
import { basicAuthorization } from '../backend/credentials.ts'

/** A user name, which has no colon, and a password. */
export interface BasicCredentials {
  readonly username: string
  readonly password: string
}

/** How a backend is told who asks: one of the two. */
export type AuthOptions =
  | {
      /** Basic authentication, in UTF-8. */
      readonly basic: BasicCredentials
      readonly bearer?: undefined
    }
  | {
      /** A bearer token, without the word `Bearer`. */
      readonly bearer: string
      readonly basic?: undefined
    }

/** TLS to one backend. Certificates and keys are PEM texts. */
export interface TlsOptions {
  /**
   * The authorities by which its certificate may be signed, one text with one or more certificates or several.
   * @default those that Node knows
   */
  readonly ca?: string | readonly string[] | undefined
  /** The certificate that the router shows, and those between it and its authority behind it; with `key`. */
  readonly cert?: string | undefined
  /** The private key of `cert`, without a passphrase. */
  readonly key?: string | undefined
  /**
   * The name that its certificate must be for, and that it is asked for (SNI).
   * @default the host name in its `url`
   */
  readonly servername?: string | undefined
  /**
   * Whether any certificate will do. Whoever is on the way to it can then read and change everything.
   * @default false
   */
  readonly insecure?: boolean | undefined
}

/** What is particular about the connections to one backend. */
export interface ConnectionOptions {
  /**
   * Headers that its requests and probes get, and nobody else's. They win over the client's. Not those that frame or
   * describe a message, such as `host` and `content-length`.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * How it is told who asks. Credentials in `url` stand for `basic`.
   * @default not at all
   */
  readonly auth?: AuthOptions | undefined
  /** TLS to it, for a `url` with https. */
  readonly tls?: TlsOptions | undefined
}

export function resolveConnection({
  headers = {},
  auth,
  tls,
}: ConnectionOptions): Pick<BackendSettings, 'headers' | 'tls'> {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return {
    headers: { ...Object.fromEntries(lower), ...(auth && { authorization: authorizationOf(auth) }) },
    tls: tls && resolveTls(tls),
  }
}

function authorizationOf(auth: AuthOptions): string {
  if (auth.basic === undefined) return `Bearer ${auth.bearer}`
  return basicAuthorization(auth.basic.username, auth.basic.password)
}

function resolveTls({ ca, cert, key, servername, insecure }: TlsOptions): BackendSettings['tls'] {
  return {
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(insecure === undefined ? {} : { rejectUnauthorized: !insecure }),
  }
}
