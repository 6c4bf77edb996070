import { isIP } from 'node:net'
import { isRecord } from '../record.ts'
import type { ExpandedConfig } from './expand-config.ts'
import { certificatesIn, privateKeyIn } from './pem.ts'
import { type ConfigProblem, formatPath, problem, suggest } from './problems.ts'

/**
 * Mistakes between options, such as a route that names an unknown backend. The data is not validated yet, so that these are
 * reported with all others.
 */
export function crossProblems(config: ExpandedConfig): ConfigProblem[] {
  const data = config.data()
  if (!isRecord(data) || !isRecord(data['backends'])) return []
  const names = Object.keys(data['backends'])
  if (names.length === 0) return [problem('backends', 'must have at least one backend')]
  const { routes } = data
  const own = Object.entries(data['backends']).flatMap(([name, backend]) =>
    isRecord(backend) ? backendProblems(name, backend) : [],
  )
  if (!Array.isArray(routes)) return own
  return own.concat(
    routes.flatMap((route: unknown, index) => {
      if (!isRecord(route)) return []
      const last = index === routes.length - 1
      return [
        ...matchProblems(route, `routes[${index}]`, last),
        ...referenceProblems(route, `routes[${index}]`, names, config),
        ...unservedProblems(route, `routes[${index}]`, data['backends'], config),
      ]
    }),
  )
}

function backendProblems(name: string, backend: Record<string, unknown>): ConfigProblem[] {
  return [
    ...connectionProblems(name, backend),
    ...reserveProblems(name, backend),
    ...discoverProblems(name, backend),
    ...hookProblems(name, backend),
    ...keepWarmProblems(name, backend),
  ]
}

function reserveProblems(name: string, backend: Record<string, unknown>): ConfigProblem[] {
  const { maxConcurrent, reserve } = backend
  if (reserve === undefined || reserve === 0) return []
  const path = formatPath(['backends', name, 'reserve'])
  if (maxConcurrent === 'unlimited') return [problem(path, 'needs a maxConcurrent that is not unlimited')]
  if (typeof reserve !== 'number' || typeof maxConcurrent !== 'number' || reserve < maxConcurrent) return []
  return [problem(path, 'must be below maxConcurrent')]
}

function discoverProblems(name: string, { url, discover }: Record<string, unknown>): ConfigProblem[] {
  if (discover === undefined || typeof url !== 'string' || !URL.canParse(url)) return []
  const { hostname } = new URL(url)
  if (isIP(hostname.replace(/^\[|\]$/g, '')) === 0) return []
  const path = formatPath(['backends', name, 'discover'])
  return [problem(path, 'needs a url with a host name, not with an address')]
}

/** What an option of a backend must have one of. */
const NEEDS: readonly (readonly [option: string, ...oneOf: string[]])[] = [
  ['wake', 'mac', 'url', 'command'],
  ['suspend', 'url', 'command'],
  ['recycle', 'url', 'command'],
  ['recycle', 'everyJobs', 'everyHours'],
]

function hookProblems(name: string, backend: Record<string, unknown>): ConfigProblem[] {
  return NEEDS.flatMap(([option, ...oneOf]) => {
    const written = backend[option]
    if (!isRecord(written) || oneOf.some((key) => key in written)) return []
    const path = formatPath(['backends', name, option])
    return [problem(path, `must have ${oneOf.slice(0, -1).join(', ')} or ${oneOf.at(-1)}`)]
  })
}

function keepWarmProblems(name: string, backend: Record<string, unknown>): ConfigProblem[] {
  const { keepWarm, wake, suspend, health } = backend
  const isLazy = isRecord(health) && health['mode'] === 'lazy'
  if (keepWarm === undefined || (wake === undefined && suspend === undefined && !isLazy)) return []
  const path = formatPath(['backends', name, 'keepWarm'])
  return [
    problem(path, 'would keep a machine awake that may sleep: remove it, or wake, suspend and mode: lazy'),
  ]
}

function matchProblems(route: Record<string, unknown>, path: string, last: boolean): ConfigProblem[] {
  const matchesAll = route['match'] === undefined
  if (last && !matchesAll) {
    return [
      problem(
        `${path}.match`,
        'must be removed: the last route takes every request that no other route takes',
      ),
    ]
  }
  if (!last && matchesAll) {
    return [
      problem(path, 'has no match and takes every request, so later routes get none; move it to the end'),
    ]
  }
  return []
}

function referenceProblems(
  route: Record<string, unknown>,
  path: string,
  names: readonly string[],
  config: ExpandedConfig,
): ConfigProblem[] {
  if (!Array.isArray(route['backends'])) return []
  const seen = new Set<unknown>()
  return route['backends'].flatMap((name: unknown, index) => {
    const at = `${path}.backends[${index}]`
    const repeated = seen.has(name)
    seen.add(name)
    if (typeof name !== 'string') return []
    const isSecret = config.isExpanded(at)
    const shown = isSecret ? 'a backend' : `"${name}"`
    if (!names.includes(name)) {
      const suggestion = isSecret ? undefined : suggest(name, names)
      return [problem(at, `names ${shown}, which is not among the backends`, suggestion)]
    }
    return repeated ? [problem(at, `names ${shown} twice`)] : []
  })
}

/** A task that the route matches by name, and that the `tasks` of every one of its backends exclude. */
function unservedProblems(
  { match, backends: names }: Record<string, unknown>,
  path: string,
  backends: unknown,
  config: ExpandedConfig,
): ConfigProblem[] {
  if (!isRecord(match) || !Array.isArray(names) || !isRecord(backends)) return []
  const served = names.map((name: unknown) => {
    const backend = typeof name === 'string' ? backends[name] : undefined
    return isRecord(backend) && Array.isArray(backend['tasks']) ? backend['tasks'] : undefined
  })
  const isUnserved = (task: unknown) =>
    typeof task === 'string' &&
    !task.includes('*') &&
    served.every((tasks) => tasks?.includes(task) === false)
  const { task: written } = match
  return [written].flat().flatMap((task: unknown, index) => {
    if (!isUnserved(task)) return []
    const at = Array.isArray(written) ? `${path}.match.task[${index}]` : `${path}.match.task`
    const shown = config.isExpanded(at) ? 'a task' : `"${String(task)}"`
    return [problem(at, `is ${shown}, which no backend of the route serves; add it to the tasks of one`)]
  })
}

/** Conflicts between `url`, `headers`, `auth` and `tls` of a backend, which are not validated yet. */
function connectionProblems(
  name: string,
  { url, headers, auth, tls }: Record<string, unknown>,
): ConfigProblem[] {
  const at = (...keys: string[]) => formatPath(['backends', name, ...keys])
  const base = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  const inUrl = base !== undefined && base.username + base.password !== ''
  const problems: ConfigProblem[] = []
  if (inUrl && auth !== undefined)
    problems.push(problem(at('auth'), 'conflicts with the user name and password in url; set one of them'))
  const seen = new Set<string>()
  for (const written of isRecord(headers) ? Object.keys(headers) : []) {
    const header = written.toLowerCase()
    if (seen.has(header)) problems.push(problem(at('headers', written), 'is set twice'))
    seen.add(header)
    if (header !== 'authorization' || !(inUrl || auth !== undefined)) continue
    const other = inUrl ? 'the user name and password in url' : 'auth'
    problems.push(problem(at('headers', written), `conflicts with ${other}; set one of them`))
  }
  if (tls === undefined) return problems
  if (base?.protocol === 'http:')
    problems.push(problem(at('tls'), 'needs a url that begins with https://; change the url, or remove tls'))
  return isRecord(tls) ? [...problems, ...pairProblems(tls, at)] : problems
}

function pairProblems(
  { cert, key }: Record<string, unknown>,
  at: (...keys: string[]) => string,
): ConfigProblem[] {
  if ((cert === undefined) !== (key === undefined)) {
    const [there, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    return [problem(at('tls', there), `needs ${missing} as well`)]
  }
  if (typeof cert !== 'string' || typeof key !== 'string') return []
  const [certificate] = certificatesIn(cert)
  const own = privateKeyIn(key)
  if (certificate === undefined || typeof own === 'string' || certificate.checkPrivateKey(own)) return []
  return [problem(at('tls', 'key'), 'does not match cert; of several certificates, its own must be first')]
}
