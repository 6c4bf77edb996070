import type { Policy, Route } from '../config/policy.ts'
import { compileMatch } from '../routing/match.ts'
import { type ImmichJob, JOBS } from './job-words.ts'

/** Warns of each of Immich's jobs whose route has no backend that serves it. */
export function unservedWarnings(backends: Policy['backends'], routes: readonly Route[]): string[] {
  return JOBS.flatMap((job) =>
    routesOf(job, routes).flatMap((route) => {
      if (route.backends.some((name) => serves(backends[name]?.tasks, job))) return []
      const [task = ''] = job.tasks
      const where = route.name === undefined ? 'its route' : `route "${route.name}"`
      return [`${nameOf(job)}: no backend of ${where} serves it; add ${task} to the tasks of one`]
    }),
  )
}

/** Warns where no backend of the last route takes unclassified requests. */
export function unclassifiedWarnings(backends: Policy['backends'], routes: readonly Route[]): string[] {
  const route = routes.at(-1)
  if (route === undefined || route.match !== undefined) return []
  const taken = route.backends.some((name) => {
    const { tasks, unclassified } = backends[name] ?? {}
    return tasks === undefined || unclassified === true
  })
  const where = route.name === undefined ? 'the last route' : `route "${route.name}"`
  return taken
    ? []
    : [
        `unclassified requests: no backend of ${where} takes them; set unclassified: true on one, or onUnclassified: reject`,
      ]
}

/** The routes that may take a job: which one may depend on its model. A match in code is not asked. */
function routesOf(job: ImmichJob, routes: readonly Route[]): readonly Route[] {
  const taking: Route[] = []
  for (const route of routes) {
    const { match } = route
    if (typeof match === 'function') continue
    const { model, ...rest } = match ?? {}
    if (!compileMatch(rest)(job)) continue
    taking.push(route)
    if (model === undefined) break
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
