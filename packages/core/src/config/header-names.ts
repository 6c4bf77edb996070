/** The name of a header (RFC 9110 section 5.6.2). */
export const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/** Headers that frame or describe a message or belong to one connection: only its sender can set them. */
export const FRAMING: ReadonlySet<string> = new Set(
  ['accept-encoding', 'connection', 'content-encoding', 'content-length', 'content-type', 'expect'].concat(
    ['host', 'http2-settings', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
    ['te', 'trailer', 'transfer-encoding', 'upgrade'],
  ),
)
/** The last word of the name of a header that carries credentials. */
const SECRET =
  /(?:^|[-_])(?:api-?key|auth|authorization|cookie|credentials?|jwt|key|pass(?:wd|word)?|secret|session|signature|token)$/i

/** Whether the values of a header must not be shown or logged, as its name tells. */
export function isSecretHeader(name: string): boolean {
  return SECRET.test(name)
}

export const NOT_FRAMING = 'must not be a header that frames or describes the message'
