import { defaults } from '../config/defaults.ts'
import type { BackendOptions, Policy } from '../config/policy.ts'
import type { ResolvedBackend } from '../config/resolve.ts'
import { healthOptions } from '../config/shared-schema.ts'
import { milliseconds } from '../config/values.ts'
import { takeCredentials } from '../credentials.ts'
import { counted, duration, listed, type Paragraph, said, timeoutsLine, warmWords } from './words.ts'

/** A backend in words, without what is secret: its name and URL, and behind these what there is to say of it. */
export function describeBackend(
  name: string,
  options: BackendOptions,
  resolved: ResolvedBackend,
  policy: Policy,
): Paragraph {
  const { weight, tier, tasks, wake, suspend, keepWarm } = resolved
  const auth = authOf(options)
  const others = options.unclassified === true ? ', and unclassified requests' : ''
  return [
    `${name}: ${urlOf(options)}${auth === undefined ? '' : ` (${auth})`}`,
    ...said(
      headersLine(options),
      tlsLine(options),
      `concurrency limit: ${limit(resolved, options)}`,
      tasks && `tasks: ${listed(tasks)} alone${others}`,
      tier === defaults.tier ? undefined : `tier: ${tier}`,
      weight === defaults.weight ? undefined : `weight: ${weight}`,
      discoverLine(resolved),
      `probes: ${probes(resolved)}`,
      wake && `wake: ${hookMeans(wake)}, while ${wakeWords(options)} needs this backend`,
      wakeLine(options),
      suspend &&
        `suspend: ${hookMeans(suspend)}, after ${duration(suspend.afterIdle)} without a request for this backend`,
      recycleLine(resolved),
      keepWarm === undefined || policy.canary === false ? undefined : `keepWarm: ${warmWords(keepWarm)}`,
      timeoutsLine(options.timeouts, policy.timeouts),
    ),
  ]
}

function wakeWords({ wake }: BackendOptions): string {
  return wake?.when === undefined ? 'a request' : 'an interactive request'
}

/** When bulk jobs wake it. */
function wakeLine({ wake }: BackendOptions): string | undefined {
  if (wake?.when === undefined) return undefined
  const { queued, between, atMostAfter } = wake.when
  const conditions = said(
    queued === undefined ? undefined : `${counted(queued, 'job')} wait`,
    between && `it is ${between}`,
  )
  const latest =
    atMostAfter === undefined ? undefined : `${duration(milliseconds(atMostAfter))} after the first job`
  const when = said(conditions.length > 0 ? `when ${conditions.join(' and ')}` : undefined, latest)
  return `wake for bulk jobs: ${when.length > 0 ? when.join(', or ') : 'at once'}`
}

function recycleLine({ recycle }: ResolvedBackend): string | undefined {
  if (recycle === undefined) return undefined
  const { everyJobs, everyHours } = recycle
  const times = said(
    everyJobs === undefined ? undefined : counted(everyJobs, 'job'),
    everyHours === undefined ? undefined : duration(Math.round(everyHours * 3_600_000)),
  )
  return `recycle: ${hookMeans(recycle)}, every ${listed(times, 'or')}`
}

/** Without URLs and arguments, which may be secrets. */
function hookMeans({
  mac,
  url,
  command,
}: Pick<NonNullable<ResolvedBackend['wake']>, 'mac' | 'url' | 'command'>): string {
  return listed(
    said(
      mac && 'Wake-on-LAN',
      url && `a request to ${new URL(url).host}`,
      command && `the command ${command[0]}`,
    ),
  )
}

function urlOf({ url }: BackendOptions): string {
  return takeCredentials(url).base.href.replace(/\/+$/, '')
}

/** How the router authenticates at a backend. */
export function authOf({ url, auth, headers = {} }: BackendOptions): string | undefined {
  if (auth !== undefined) return auth.basic === undefined ? 'bearer' : 'basic'
  if (takeCredentials(url).authorization !== undefined) return 'basic'
  return Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')
    ? 'authorization header'
    : undefined
}

function headersLine({ headers = {} }: BackendOptions): string | undefined {
  const names = Object.keys(headers).filter((name) => name.toLowerCase() !== 'authorization')
  return names.length === 0 ? undefined : `headers: ${names.join(', ')}`
}

function tlsLine({ url, tls = {} }: BackendOptions): string | undefined {
  if (!url.toLowerCase().startsWith('https:')) return undefined
  const authority = tls.ca === undefined ? 'the usual authorities' : 'its own authorities (ca)'
  const words = said(
    tls.insecure === true ? 'certificate not verified' : `certified by ${authority}`,
    tls.servername && `for ${tls.servername}`,
    tls.cert && 'with a client certificate',
  )
  return `TLS: ${words.join(', ')}`
}

function limit({ maxConcurrent, reserve }: ResolvedBackend, written: BackendOptions): string {
  const most =
    maxConcurrent === 'auto'
      ? 'learned'
      : maxConcurrent === Number.POSITIVE_INFINITY
        ? 'unlimited'
        : counted(maxConcurrent, 'request')
  return reserve === 0 ? most : `${most}; ${written.reserve} of them reserved for urgent requests`
}

function discoverLine({ discover: found }: ResolvedBackend): string | undefined {
  if (found === undefined) return undefined
  const names = said(
    found.names.length === 0 ? undefined : `each address of ${listed(found.names)}`,
    found.services.length === 0 ? undefined : `each server that ${listed(found.services)} names`,
  )
  return `endpoints: ${listed(names)}, looked up every ${duration(found.interval)}`
}

function probes({ check }: ResolvedBackend): string {
  if (check === undefined) return 'none'
  const usual = healthOptions.parse({})
  const { mode, path, interval, timeout, rise, fall } = check
  return said(
    `${path} every ${duration(interval)}${mode === 'lazy' ? ', only while a request needs this backend' : ''}`,
    timeout === usual.timeout ? undefined : `timeout ${duration(timeout)}`,
    fall === usual.fall ? undefined : `down after ${fall} without an answer`,
    rise === usual.rise ? undefined : `up after ${counted(rise, 'answer')}`,
  ).join(', ')
}
