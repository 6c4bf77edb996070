import type { Backend } from '../backend/backend.ts'
import { exclusionOf } from '../backend/model-problem.ts'
import type { RouteRequest } from './route-request.ts'

type Asked = Pick<RouteRequest, 'route' | 'classification' | 'job'>

/** The backends that may take a request now: those of its route that serve its tasks and are not excluded. */
export function candidatesOf(request: Asked & Pick<RouteRequest, 'exclude'>): readonly Backend[] {
  const { exclude } = request
  const serving = servingOf(request)
  return exclude.size === 0 ? serving : serving.filter((backend) => !isNamed(backend, exclude))
}

/** The backends of the route that serve the request's tasks, also those that failed it. */
export function servingOf(request: Asked): readonly Backend[] {
  const serving = request.route.members.serving(request.classification.tasks)
  return serving.some(hasProblems) ? serving.filter((backend) => !isExcluded(request, backend)) : serving
}

/** Whether a problem of the model keeps the request from the backend. */
export function isExcluded({ route, job }: Pick<Asked, 'route' | 'job'>, { problems }: Backend): boolean {
  return problems.length > 0 && exclusionOf(problems, route.name, job.models) !== undefined
}

function hasProblems({ problems }: Backend): boolean {
  return problems.length > 0
}

/** Whether it is named, by itself or as an endpoint of its backend. */
export function isNamed({ name, id }: Backend, names: ReadonlySet<string>): boolean {
  return names.has(name) || names.has(id)
}
