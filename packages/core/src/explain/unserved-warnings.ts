import type { Policy, Route } from '../config/policy.ts'
import { type ConfigProblem, problem } from '../config/problems.ts'
import { compileJob, partsOf } from '../routing/match.ts'
import { type ImmichJob, JOBS } from './job-words.ts'

/** Warns of each of Immich's jobs whose route has no backend that serves it. */
export function unservedWarnings(policy: Policy, routes: readonly Route[]): ConfigProblem[] {
  const { backends } = policy
  return JOBS.flatMap((job) =>
    routesOf(job, routes).flatMap((route) => {
      if (route.backends.some((name) => serves(backends[name]?.tasks, job))) return []
      const [task = ''] = job.tasks
      const message = `has no backend that serves ${nameOf(job)}; add ${task} to the tasks of one`
      return [problem(pathOf(route, policy, routes), message)]
    }),
  )
}

/** Warns of each route that takes unclassified requests, and whose backends do not. */
export function unclassifiedWarnings(policy: Policy, routes: readonly Route[]): ConfigProblem[] {
  return routes.flatMap((route) => {
    const { match } = route
    const takesUnknown = typeof match === 'object' ? partsOf(match).job === undefined : match === undefined
    const isServed = route.backends.some((name) => {
      const { tasks, unclassified } = policy.backends[name] ?? {}
      return tasks === undefined || unclassified === true
    })
    if (!takesUnknown || isServed) return []
    const message =
      'has no backend that takes unclassified requests; set unclassified: true on one, or onUnclassified: reject'
    return [problem(pathOf(route, policy, routes), message)]
  })
}

/** Without routes, one route has every backend. */
function pathOf(route: Route, { routes: written }: Policy, routes: readonly Route[]): string {
  return written === undefined ? 'backends' : `routes[${routes.indexOf(route)}]`
}

/** The routes that may take a job: which one may depend on its model or on the request. Functions are not called. */
function routesOf(job: ImmichJob, routes: readonly Route[]): readonly Route[] {
  const taking: Route[] = []
  for (const route of routes) {
    const { match = {} } = route
    if (typeof match === 'function') continue
    const { job: { model, ...rest } = {}, head } = partsOf(match)
    if (!compileJob(rest)(job)) continue
    taking.push(route)
    if (model === undefined && head === undefined) break
  }
  return taking
}

function serves(tasks: readonly string[] | undefined, job: ImmichJob): boolean {
  return tasks === undefined || job.tasks.every((task) => tasks.includes(task))
}

/** `clip/textual`; the task alone where the job has several types. */
function nameOf({ entries, tasks }: ImmichJob): string {
  const [task = ''] = tasks
  const [entry, ...others] = entries
  return entry === undefined || others.length > 0 ? task : `${task}/${entry.type}`
}
