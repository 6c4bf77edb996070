import { takeCredentials } from '../backend/credentials.ts'
import { defaults } from '../config/defaults.ts'
import type { BackendOptions, Policy } from '../config/policy.ts'
import type { ResolvedBackend } from '../config/resolve.ts'
import { healthOptions } from '../config/shared-schema.ts'
import { timeoutsLine } from './times.ts'
import { counted, duration, listed } from './words.ts'

/** A backend in words, without what is secret: its name and URL, and behind these what there is to say of it. */
export function describeBackend(
  name: string,
  options: BackendOptions,
  resolved: ResolvedBackend,
  policy: Policy,
): readonly [head: string, ...lines: string[]] {
  const { weight, tier, tasks, wake } = resolved
  const auth = authOf(options)
  return [
    `${name}: ${urlOf(options)}${auth === undefined ? '' : ` (${auth})`}`,
    ...headersLine(options),
    ...tlsLine(options),
    `at once: ${limit(resolved, options)}`,
    ...(tasks === undefined
      ? []
      : [
          `tasks: ${listed(tasks)} alone${options.unclassified === true ? ', and unclassified requests' : ''}`,
        ]),
    ...(tier === defaults.tier ? [] : [`tier: ${tier}`]),
    ...(weight === defaults.weight ? [] : [`weight: ${weight}`]),
    ...discoverLine(resolved),
    `probes: ${probes(resolved)}`,
    ...(wake === undefined ? [] : ['wake: by Wake-on-LAN, while a request wants it']),
    ...timeoutsLine(options.timeouts, policy.timeouts),
  ]
}

/** What should not stay as it is. */
export function warningsOf(name: string, options: BackendOptions): string[] {
  const { tls, url, tasks, unclassified } = options
  const isSecure = url.toLowerCase().startsWith('https:')
  return [
    ...(/\/predict\/*$/.test(new URL(url).pathname)
      ? [`${name}: its URL ends in /predict, which the router appends by itself; remove it`]
      : []),
    ...(unclassified === true && tasks === undefined
      ? [`${name}: unclassified has no effect without tasks: the backend takes every request`]
      : []),
    ...(tls?.insecure === true
      ? [
          `${name}: its certificate is not verified (tls.insecure), so anybody on the way can read and change everything`,
        ]
      : []),
    ...(authOf(options) !== undefined && !isSecure
      ? [`${name}: its credentials go over http, where anybody on the way can read them`]
      : []),
  ]
}

function urlOf({ url }: BackendOptions): string {
  return takeCredentials(url).base.href.replace(/\/+$/, '')
}

function authOf({ url, auth, headers = {} }: BackendOptions): string | undefined {
  if (auth !== undefined) return auth.basic === undefined ? 'bearer' : 'basic'
  if (takeCredentials(url).authorization !== undefined) return 'basic'
  return Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')
    ? 'authorization header'
    : undefined
}

function headersLine({ headers = {} }: BackendOptions): string[] {
  const names = Object.keys(headers).filter((name) => name.toLowerCase() !== 'authorization')
  return names.length === 0 ? [] : [`headers: ${names.join(', ')}`]
}

function tlsLine({ url, tls = {} }: BackendOptions): string[] {
  if (!url.toLowerCase().startsWith('https:')) return []
  const authority = tls.ca === undefined ? 'the usual authorities' : 'its own authorities (ca)'
  const checked = tls.insecure === true ? 'any certificate will do' : `certified by ${authority}`
  return [
    `TLS: ${[
      checked,
      ...(tls.servername === undefined ? [] : [`for ${tls.servername}`]),
      ...(tls.cert === undefined ? [] : ['with a client certificate']),
    ].join(', ')}`,
  ]
}

function limit({ maxConcurrent, reserve }: ResolvedBackend, written: BackendOptions): string {
  const most =
    maxConcurrent === 'auto'
      ? 'a learned number'
      : maxConcurrent === Number.POSITIVE_INFINITY
        ? 'any number'
        : counted(maxConcurrent, 'request')
  return reserve === 0 ? most : `${most}; ${written.reserve} of them for the urgent alone`
}

function discoverLine({ discover: found }: ResolvedBackend): string[] {
  if (found === undefined) return []
  const names = [
    ...(found.names.length === 0 ? [] : [`each address of ${listed(found.names)}`]),
    ...(found.services.length === 0 ? [] : [`each server that ${listed(found.services)} names`]),
  ]
  return [`endpoints: ${listed(names)}, looked up every ${duration(found.interval)}`]
}

function probes({ check }: ResolvedBackend): string {
  if (check === undefined) return 'none'
  const usual = healthOptions.parse({})
  const { path, interval, timeout, rise, fall } = check
  return [
    `${path} every ${duration(interval)}`,
    ...(timeout === usual.timeout ? [] : [`timeout ${duration(timeout)}`]),
    ...(fall === usual.fall ? [] : [`down after ${fall} without an answer`]),
    ...(rise === usual.rise ? [] : [`up after ${counted(rise, 'answer')}`]),
  ].join(', ')
}
