/** The name of a header (RFC 9110 section 5.6.2). */
export const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/** Headers that frame or describe a message or belong to one connection: only its sender can set them. */
export const FRAMING: ReadonlySet<string> = new Set(
  ['accept-encoding', 'connection', 'content-encoding', 'content-length', 'content-type', 'expect'].concat(
    ['host', 'http2-settings', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
    ['te', 'trailer', 'transfer-encoding', 'upgrade'],
  ),
)
/** Parts of words that tell of credentials. */
const SECRET =
  /assertion|authoriz|cookie|credential|passphrase|passw|secret|session|signature|token|(?:access|api|auth|private)key/
/** Words that do, and are parts of other words as well. */
const SECRET_WORD = /^(?:auth|bearer|jwt|keys?|otp|pass|passcode|pin|pwd|sid|sig)$/
/** What an authenticating proxy says about a user, as in `x-auth-request-email`. */
const IDENTITY = /^(?:emails?|groups?|names?|org|roles?|tenant|user|username)$/

/** Whether the values of a header must not be shown or logged, as any word of its name tells: `x-session-id`, `X-AuthKey`. */
export function isSecretHeader(name: string): boolean {
  const words = name
    .replace(/(?<=[a-z\d])(?=[A-Z])/g, '-')
    .toLowerCase()
    .split(/[^a-z\d]+/)
  const isIdentity = IDENTITY.test(words.at(-1) ?? '')
  return words.some(
    (word) => SECRET.test(word) || (SECRET_WORD.test(word) && !(word === 'auth' && isIdentity)),
  )
}

export const NOT_FRAMING = 'must not be a header that frames or describes the message'
