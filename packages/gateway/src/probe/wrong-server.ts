import type { BackendAnswer, BackendClient } from '@immich-ml-router/core/parts'

/** Whether the URL is that of a gateway: it has a status page, in the version of its name or not. */
export async function isGateway(client: BackendClient, signal: AbortSignal): Promise<boolean> {
  try {
    const { status, body } = await client.get('/_router/status.json', signal)
    const answer: unknown = JSON.parse(body.toString())
    if (typeof answer !== 'object' || answer === null) return false
    // Under another name than its own, the page answers 421.
    if (status === 421) return String(Reflect.get(answer, 'detail')).includes('STATUS_PAGE_HOSTS')
    return status === 200 && Array.isArray(Reflect.get(answer, 'backends'))
  } catch {
    return false
  }
}

/**
 * Says that a backend redirects to https, and to which URL.
 *
 * @param path The path that was asked for, which is removed from the target.
 * @returns `undefined` if it does not.
 */
export function redirectFault(
  client: BackendClient,
  answer: BackendAnswer,
  path: string,
): string | undefined {
  const { location } = answer.headers
  if (answer.status < 300 || answer.status > 399 || typeof location !== 'string') return undefined
  if (!URL.canParse(location, client.url)) return undefined
  const [from, to] = [new URL(client.url), new URL(location, client.url)]
  if (from.protocol !== 'http:' || to.protocol !== 'https:' || from.hostname !== to.hostname) return undefined
  const base = `${to.origin}${to.pathname.endsWith(path) ? to.pathname.slice(0, -path.length) : ''}`
  return `redirects http to https, which the router does not follow: set backends.${client.name}.url to ${base}`
}
