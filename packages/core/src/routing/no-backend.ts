import type { Backend } from '../backend/backend.ts'
import { exclusionOf } from '../backend/model-problem.ts'
import { NoBackendError } from '../errors.ts'
import { type Assessment, isUnreachable, isUsable } from './assess.ts'
import { isNamed } from './candidates.ts'
import type { RouteRequest } from './route-request.ts'

/** The error for a request that no backend of its route may take. */
export function noCandidate(request: RouteRequest): NoBackendError {
  const { route, classification, exclude, job } = request
  const serving = route.members.serving(classification.tasks)
  if (serving.length === 0) return new NoBackendError(route.name, notServed(request))
  const named = serving.filter((backend) => isNamed(backend, exclude))
  const problems = new Map<string, Backend[]>()
  for (const backend of serving) {
    const problem = exclusionOf(backend.problems, route.name, job.models)
    if (problem !== undefined && !named.includes(backend))
      problems.set(problem.reason, [...(problems.get(problem.reason) ?? []), backend])
  }
  const reasons = [
    ...(named.length > 0 ? [`${namesOf(named)} excluded`] : []),
    ...[...problems].map(
      ([reason, backends]) => `${namesOf(backends)} excluded because of a model problem: ${reason}`,
    ),
  ]
  return new NoBackendError(route.name, reasons.join('; '))
}

function notServed({ route, classification: { tasks } }: RouteRequest): string {
  if (tasks.length === 0)
    return 'none of its backends takes unclassified requests; set unclassified: true on a backend with tasks'
  const unserved = tasks.filter((task) => route.members.serving([task]).length === 0)
  return `none of its backends serves ${(unserved.length > 0 ? unserved : tasks).join(' and ')}`
}

/** The error when no candidate can be reached, and waiting does not help; `undefined` when one might be. */
export function noneReachable(
  request: RouteRequest,
  unavailable: readonly Assessment[],
): NoBackendError | undefined {
  const usable = unavailable.filter(isUsable).map(({ backend }) => backend)
  if (!usable.every((backend) => isUnreachable(request, backend))) return undefined
  const drained = unavailable.flatMap(({ backend, obstacle }) =>
    obstacle?.kind === 'disabled' ? [backend] : [],
  )
  const unresolved = unavailable.flatMap(({ backend, obstacle }) =>
    obstacle?.kind === 'unresolved' ? (backend.health.unresolved ?? []) : [],
  )
  const reasons = [
    ...(usable.length > 0 ? [`${namesOf(usable)} unreachable`] : []),
    ...(drained.length > 0 ? [`${namesOf(drained)} drained`] : []),
    ...unresolved,
  ]
  return new NoBackendError(request.route.name, reasons.join(', '))
}

/** Such as `gpu is ejected: answered 401 Unauthorized: set backends.gpu.auth`. */
export function unavailableReason(request: RouteRequest, backend: Backend): string {
  const kind = backend.health.obstacle(request.job, request.priority > 0)?.kind ?? 'unavailable'
  const { probe, lastError } = backend.health.status
  const reason = kind === 'down' && probe?.kind === 'down' ? probe.reason : lastError?.reason
  const isFailure = kind === 'down' || kind === 'ejected' || kind === 'unavailable'
  return `${backend.name} is ${WORDS[kind] ?? kind}${isFailure && reason !== undefined ? `: ${reason}` : ''}`
}

const WORDS: Readonly<Record<string, string>> = {
  lacks: 'lacking the task or model',
  disabled: 'drained',
  unresolved: 'without an address',
  resolving: 'without an address',
}

/** The names of backends with their verb: `gpu is`, `gpu, nas are`. */
export function namesOf(backends: readonly Backend[]): string {
  const names = [...new Set(backends.map(({ name }) => name))]
  return `${names.join(', ')} ${names.length > 1 ? 'are' : 'is'}`
}
