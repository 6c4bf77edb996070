import { type RouterConfig, selectBackend } from '@immich-ml-router/core'
import { type Finding, resultOf } from './finding.ts'
import { classificationOf, IMMICH_JOBS, type ImmichJob } from './immich-jobs.ts'

/** What the findings mean for the jobs of Immich. */
export interface Coverage {
  /** Jobs that no backend of their route can do. */
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Finds the jobs whose route has no backend that works.
 *
 * @param jobs The jobs that the backends were asked for. Default: Immich's, with its default models.
 */
export function coverageOf(
  config: RouterConfig,
  findings: ReadonlyMap<string, Finding>,
  jobs: readonly ImmichJob[] = IMMICH_JOBS,
): Coverage {
  const { backends, routes, hold } = config
  const select = selectBackend({ backends, routes, hold })
  try {
    const [errors, warnings]: [string[], string[]] = [[], []]
    for (const job of jobs) {
      const { route, index, candidates } = select.explain(classificationOf(job))
      const names = [
        ...new Set(candidates.filter((it) => it.reason.kind !== 'lacks-task').map((it) => it.backend)),
      ]
      const problem = problemWith(job, route, names, config, findings)
      if (problem === undefined) continue
      const isForAll = routes?.[index]?.match === undefined
      if (problem.isAsleep || (problem.isLacking && isForAll)) warnings.push(problem.text)
      else errors.push(problem.text)
    }
    return { errors, warnings: [...warnings, ...warningsOf(findings)] }
  } finally {
    select.close()
  }
}

interface Problem {
  readonly text: string
  /** Whether every backend says that it does not have the task. */
  readonly isLacking: boolean
  /** Whether a machine that can be woken does not answer. */
  readonly isAsleep: boolean
}

function problemWith(
  job: ImmichJob,
  route: string,
  names: readonly string[],
  { backends }: RouterConfig,
  findings: ReadonlyMap<string, Finding>,
): Problem | undefined {
  const results = names.map((name) => resultOf(findings.get(name), job)?.kind)
  if (results.some((kind) => kind === 'works' || kind === 'busy')) return undefined
  const asleep = names.filter((name) => {
    const finding = findings.get(name)
    return (
      finding?.kind === 'unusable' && finding.cause === 'unreachable' && backends[name]?.wake !== undefined
    )
  })
  const where = `${job.name}: no backend of the route "${route}"`
  if (asleep.length > 0) {
    const text = `${where} works now; requests wait until ${asleep.join(' or ')} wakes up`
    return { text, isLacking: false, isAsleep: true }
  }
  const isLacking = results.every((kind) => kind === 'lacks')
  const text = isLacking
    ? `${where} has this task; add one that does, or turn it off in Immich (Administration > Settings > Machine Learning)`
    : `${where} works (${names.join(', ')})`
  return { text, isLacking, isAsleep: false }
}

function warningsOf(findings: ReadonlyMap<string, Finding>): string[] {
  return [...findings].flatMap(([name, finding]) => {
    if (finding.kind === 'unusable') return [`${name}: ${finding.reason}`]
    const reasons = new Map<string, string[]>()
    for (const { job, result } of finding.jobs) {
      if (result.kind === 'works') continue
      const what = result.kind === 'lacks' ? `does not have this task (${result.reason})` : result.reason
      reasons.set(what, [...(reasons.get(what) ?? []), job.name])
    }
    return [...reasons].map(([reason, jobs]) => `${name}, ${jobs.join(', ')}: ${reason}`)
  })
}
