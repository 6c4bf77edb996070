import type { Backend } from '../backend/backend.ts'
import type { RouteRequest } from './route-request.ts'

/** The backends that may take a request now: those of its route that serve its tasks and are not excluded. */
export function candidatesOf({
  route,
  classification,
  exclude,
}: Pick<RouteRequest, 'route' | 'classification' | 'exclude'>): readonly Backend[] {
  const serving = route.members.serving(classification.tasks)
  return exclude.size === 0 ? serving : serving.filter((backend) => !isNamed(backend, exclude))
}

/** Whether it is named, by itself or as an endpoint of its backend. */
export function isNamed({ name, id }: Backend, names: ReadonlySet<string>): boolean {
  return names.has(name) || names.has(id)
}
