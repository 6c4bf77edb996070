import type { RouterConfig } from '../config/policy.ts'
import { type ConfigProblem, formatPath, problem } from '../config/problems.ts'

/** Options that send canaries, in a configuration that turns canaries off. */
export function canaryWarnings({ agreement, backends, canary, routes = [] }: RouterConfig): ConfigProblem[] {
  if (canary !== false) return []
  const paths = [
    ...(agreement === undefined || agreement === 'off' ? [] : ['agreement']),
    ...Object.entries(backends).flatMap(([name, { keepWarm }]) =>
      keepWarm === undefined ? [] : [formatPath(['backends', name, 'keepWarm'])],
    ),
    ...routes.flatMap(({ keepWarm }, index) => (keepWarm === undefined ? [] : [`routes[${index}].keepWarm`])),
  ]
  return paths.map((path) => problem(path, 'has no effect with canary: false'))
}
