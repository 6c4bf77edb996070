import { TlsError } from '@immich-ml-router/core/parts'

/** Words and remedy by the code of an error. `{url}` is the option that has the URL. */
const REMEDIES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: start the ML server, or correct the port in {url}',
  ENOTFOUND: 'no such host: correct the host name in {url}, or use an IP address',
  EAI_AGAIN: 'the host name cannot be resolved now: check DNS, or use an IP address in {url}',
  EHOSTUNREACH: 'host unreachable: switch the machine on, or correct the address in {url}',
  EHOSTDOWN: 'host unreachable: switch the machine on, or correct the address in {url}',
  ENETUNREACH: 'network unreachable: connect this machine to that network, or correct {url}',
  ETIMEDOUT: 'connection timed out: switch the machine on, or open the port in its firewall',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out: switch the machine on, or open the port in its firewall',
  ECONNRESET: 'connection closed without an answer: the port may need https, or belongs to another program',
  EPIPE: 'connection closed without an answer: the port may need https, or belongs to another program',
  UND_ERR_SOCKET:
    'connection closed without an answer: the port may need https, or belongs to another program',
}

/**
 * Says why a backend gave no answer, and what to do.
 *
 * @param option The option that has its URL, such as `backends.gpu.url`.
 */
export function failureText(error: unknown, option: string): string {
  if (error instanceof TlsError) return error.message
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  const remedy = typeof code === 'string' && Object.hasOwn(REMEDIES, code) ? REMEDIES[code] : undefined
  if (remedy !== undefined) return remedy.replace('{url}', option)
  if (error instanceof Error && error.name === 'HTTPParserError')
    return `the answer is not HTTP: the port belongs to another program, or needs https; check ${option}`
  const message = error instanceof Error ? error.message : String(error)
  return typeof code === 'string' ? `${message} (${code})` : message
}
