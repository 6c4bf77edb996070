import { MASK } from './excerpt.ts'

const QUOTED = /^(["']?)(.*?)(["']?)$/s
const REFERENCE = /^\$\{(\w+)(?::-(.*))?\}$/s
/** A scheme, host, port and path of a URL, each of which may be a reference. */
const SAFE =
  /^(?:[a-z][a-z\d+.-]*:\/\/)?(?:[\w.*-]|\$\{\w+\}|\[[\da-f:.]+\])*(?::(?:\d+|\$\{\w+\})(?![^/]))?(?:\/[^\s?#@]*)?/i

/**
 * A value as it is written in a configuration file, without what may be secret in a URL: the user name and password, the
 * query, and everything that cannot be part of one.
 */
export function withoutCredentials(source: string, path: readonly PropertyKey[]): string {
  const isUrl = path.at(-1) === 'url' || source.includes('://') || source.includes('@')
  if (!isUrl) return source
  const [, open = '', value = '', close = ''] = QUOTED.exec(source) ?? []
  return `${open}${maskUrl(value)}${close}`
}

function maskUrl(url: string): string {
  if (/^\$\{file:[^{}@]*\}$/.test(url)) return url
  const [, name, otherwise] = REFERENCE.exec(url) ?? []
  if (name !== undefined) return `\${${name}${otherwise === undefined ? '' : `:-${maskUrl(otherwise)}`}}`
  const at = url.lastIndexOf('@')
  const [scheme = ''] = /^[a-z]+:\/\//i.exec(url) ?? []
  const rest = at === -1 ? url : url.slice(at + 1)
  const [safe = ''] = SAFE.exec(rest) ?? []
  const masked = at === -1 ? '' : `${scheme}${MASK}@`
  return `${masked}${safe}${safe === rest ? '' : MASK}`
}
