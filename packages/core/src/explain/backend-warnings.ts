import { defaults } from '../config/defaults.ts'
import type { BackendOptions, Policy, Route } from '../config/policy.ts'
import { type ConfigProblem, formatPath, problem } from '../config/problems.ts'
import { withoutCredentials } from '../credentials.ts'
import { authOf } from './describe-backend.ts'

/** Warns of the settings of single backends. */
export function backendWarnings({ backends }: Policy): ConfigProblem[] {
  return Object.entries(backends).flatMap(([name, options]) => {
    const at = (...keys: string[]) => formatPath(['backends', name, ...keys])
    return [...taskWarnings(options, at), ...connectionWarnings(options, at)]
  })
}

type At = (...keys: string[]) => string

function taskWarnings({ tasks, unclassified }: BackendOptions, at: At): ConfigProblem[] {
  if (unclassified !== true || tasks !== undefined) return []
  return [
    problem(
      at('unclassified'),
      'has no effect without tasks, because the backend takes every request; remove it',
    ),
  ]
}

function connectionWarnings(options: BackendOptions, at: At): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (options.tls?.insecure === true)
    problems.push(
      problem(
        at('tls', 'insecure'),
        'accepts any certificate, so anyone on the network path can read and change everything; set tls.ca instead',
      ),
    )
  if (authOf(options) !== undefined && !options.url.toLowerCase().startsWith('https:'))
    problems.push(
      problem(
        at('url'),
        'is http, so anyone on the network path can read the credentials; use https, or remove them',
      ),
    )
  return problems
}

/** Warns of backends with the same URL. */
export function sameUrlWarnings({ backends }: Policy): ConfigProblem[] {
  const first = new Map<string, string>()
  return Object.entries(backends).flatMap(([name, { url }]) => {
    const base = withoutCredentials(url)
    const other = first.get(base)
    if (other === undefined) {
      first.set(base, name)
      return []
    }
    return [
      problem(
        formatPath(['backends', name, 'url']),
        `is also the URL of ${other}, so one ML server gets the requests of two; remove one of the backends, or correct its URL`,
      ),
    ]
  })
}

/** Warns of backends that no route names. */
export function unusedWarnings({ backends }: Policy, routes: readonly Route[]): ConfigProblem[] {
  return Object.keys(backends)
    .filter((name) => !routes.some((route) => route.backends.includes(name)))
    .map((name) =>
      problem(
        formatPath(['backends', name]),
        'is not in the backends of any route; add it to one, or remove it',
      ),
    )
}

/** Warns where tiers override the order of the strategy `first`. */
export function orderWarnings({ backends }: Policy, routes: readonly Route[]): ConfigProblem[] {
  return routes.flatMap(({ strategy, backends: names }, index) => {
    if (strategy !== 'first') return []
    const tierOf = (name: string | undefined) => (name && backends[name]?.tier) || defaults.tier
    const at = names.findIndex((name, position) => position > 0 && tierOf(names[position - 1]) > tierOf(name))
    const [before, name] = [names[at - 1], names[at]]
    if (before === undefined || name === undefined) return []
    const order = `${before} (tier ${tierOf(before)}) before ${name} (tier ${tierOf(name)})`
    return [
      problem(
        `routes[${index}].backends`,
        `lists ${order}, but a lower tier comes first: ${name} is used before ${before}; list them by tier, or remove tier`,
      ),
    ]
  })
}
