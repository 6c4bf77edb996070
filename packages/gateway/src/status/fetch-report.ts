import type { Report } from '@immich-ml-router/status-page'
import { gatewayUrl } from '../local-url.ts'

/** How long a gateway may take to answer, in milliseconds. */
const TIMEOUT = 5_000

/** A status, and the JSON in which it came. */
export interface Fetched {
  readonly report: Report
  readonly json: string
}

/**
 * Asks a gateway for its status.
 *
 * @param url The URL of the gateway, or of its status page.
 * @throws {Error} if there is no status, with the reason and the remedy.
 */
export async function fetchReport(url: string, signal?: AbortSignal): Promise<Fetched> {
  const target = statusUrl(url)
  const timeout = AbortSignal.timeout(TIMEOUT)
  let response: Response
  let json: string
  try {
    response = await fetch(target, {
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    })
    json = await response.text()
  } catch (error) {
    throw new Error(
      `${target.origin} does not answer (${reasonOf(error)}): start the gateway, or give its URL: status http://gateway:3003`,
      { cause: error },
    )
  }
  const report = response.status === 200 ? reportIn(json) : undefined
  if (report === undefined)
    throw new Error(`${target.href} answers ${response.status}: ${remedyFor(response.status, json)}`)
  return { report, json }
}

/** `http://gateway:3003/_router/status.json` for `gateway:3003`, `http://gateway:3003/` and `http://gateway:3003/_router/`. */
function statusUrl(text: string): URL {
  const base = gatewayUrl(text).href.replace(/\/+$/, '')
  return new URL(
    /\/_router(?:\/status\.json)?$/.test(base)
      ? base.replace(/(?:\/status\.json)?$/, '/status.json')
      : `${base}/_router/status.json`,
  )
}

function remedyFor(status: number, body: string): string {
  if (status === 404)
    return 'no status page there. It may be off (STATUS_PAGE=off), or this is not the gateway, or an older one'
  if (status === 421)
    return detailIn(body) ?? 'the host name is not allowed; use the IP address, or set STATUS_PAGE_HOSTS'
  if (status === 401 || status === 403)
    return 'a proxy in front of the gateway wants a login; use the address of the gateway itself'
  if (status === 503) return detailIn(body) ?? 'the gateway is stopping'
  return 'this is not a gateway of immich-ml-router; check the port'
}

function detailIn(body: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(body)
    const detail: unknown =
      typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'detail') : undefined
    return typeof detail === 'string' ? detail : undefined
  } catch {
    return undefined
  }
}

function reportIn(json: string): Report | undefined {
  try {
    const report: Report = JSON.parse(json)
    return report.whole && Array.isArray(report.backends) && Array.isArray(report.decisions)
      ? report
      : undefined
  } catch {
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT / 1_000} s`
  const { cause } = error
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined
  if (code === 'ECONNREFUSED') return 'connection refused'
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}
