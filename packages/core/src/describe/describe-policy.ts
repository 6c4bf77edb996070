import { defaults } from '../defaults.ts'
import type { RouterConfig } from '../policy/parse-policy.ts'
import { resolveHeartbeats, resolveQueue } from '../policy/patience.ts'
import type { Route } from '../policy/policy.ts'
import { parseSize } from '../policy/size.ts'
import { describeBackend, warningsOf } from './describe-backend.ts'
import { describeRoute } from './describe-route.ts'
import { heartbeatWords, timeoutsLine } from './times.ts'
import { counted, listed, size, upTo } from './words.ts'

/**
 * A configuration in plain words, complete with its defaults: which requests go where, what happens when a backend is full,
 * away or slow, and what each backend is. Nothing of what is secret is in it.
 *
 * @param config A valid one, as from `parseConfig`.
 */
export function describePolicy(config: RouterConfig): string {
  const routes: readonly Route[] = config.routes ?? [{ backends: Object.keys(config.backends) }]
  const backends = Object.entries(config.backends)
  const warnings = [
    ...backends.flatMap(([name, options]) => warningsOf(name, options)),
    ...backends.flatMap(([name]) =>
      routes.some((route) => route.backends.includes(name)) ? [] : [`${name}: no route leads to it`],
    ),
  ]
  return [
    'Routes, of which the first that fits takes a request:',
    ...routes.flatMap((route, index) => indented(describeRoute(route, config, routes.slice(0, index)))),
    '',
    'Backends:',
    ...backends.flatMap(([name, options]) => indented(describeBackend(name, options, config))),
    '',
    'For all:',
    ...general(config).map((line) => `  ${line}`),
    ...(warnings.length === 0 ? [] : ['', 'Warnings:', ...warnings.map((line) => `  ${line}`)]),
  ].join('\n')
}

function indented([head, ...lines]: readonly [string, ...string[]]): string[] {
  return [`  ${head}`, ...lines.map((line) => `    ${line}`)]
}

function general(config: RouterConfig): string[] {
  const { maxWait, maxLength } = resolveQueue(config.queue)
  const { onUnclassified = defaults.onUnclassified, forwardHeaders = [] } = config
  return [
    `queue: ${counted(maxLength, 'request')} at most, each ${upTo(maxWait)}`,
    `bodies: ${bodies(config)}`,
    `a job that is not known: ${onUnclassified === 'route' ? 'to the last route' : 'refused with 422'}`,
    `a client that waits gets ${heartbeatWords(resolveHeartbeats(undefined, config.heartbeat))}`,
    ...timeoutsLine(config.timeouts),
    ...(forwardHeaders.length === 0 ? [] : [`client headers passed on: ${listed(forwardHeaders)}`]),
  ]
}

function bodies(config: RouterConfig): string {
  const of = (key: 'maxBodySize' | 'bodyMemory' | 'totalBodyMemory') =>
    parseSize(config[key] ?? defaults[key]) ?? defaults[key]
  const most = of('maxBodySize')
  const words = (bytes: number) => (Number.isFinite(bytes) ? size(bytes) : 'any amount')
  const { bodySpool = defaults.bodySpool } = config
  const rest =
    bodySpool === false
      ? 'not kept'
      : `in temp files${typeof bodySpool === 'string' ? ` in ${bodySpool}` : ''}`
  return [
    Number.isFinite(most) ? `up to ${size(most)}` : 'of any size',
    `for another attempt ${words(of('bodyMemory'))} of each and ${words(of('totalBodyMemory'))} of all in memory, the rest ${rest}`,
  ].join('; ')
}
