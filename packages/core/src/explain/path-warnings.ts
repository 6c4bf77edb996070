import type { Route } from '../config/policy.ts'
import { type ConfigProblem, problem } from '../config/problems.ts'
import { NO_HEAD } from '../incoming-message.ts'
import { compileHead } from '../routing/match.ts'
import { listed } from './words.ts'

/** Warns of each route by path that no path of the router matches. */
export function pathWarnings(basePaths: readonly string[], routes: readonly Route[]): ConfigProblem[] {
  const paths = basePaths.map((base) => `${base}/predict`)
  return routes.flatMap(({ match }, index) => {
    if (typeof match !== 'object' || match.path === undefined) return []
    const fits = compileHead({ path: match.path })
    if (paths.some((path) => fits({ ...NO_HEAD, path }))) return []
    const written = listed([match.path].flat(), 'or')
    return [
      problem(
        `routes[${index}].match.path`,
        `is ${written}, but the router answers only ${listed(paths)}; set path, unless a framework mounts the router there`,
      ),
    ]
  })
}
