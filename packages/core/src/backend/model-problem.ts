/** A problem of one model on one backend, which a module has found. */
export interface ModelProblem {
  /** Name of the route. */
  readonly route: string
  /** Such as `ViT-B-32__openai`. */
  readonly model: string
  /** The jobs that it concerns: `task/type/model`. */
  readonly jobs: readonly string[]
  /** What is wrong: `gpu and hailo disagree on ViT-B-32__openai: cosine 0.71`. */
  readonly reason: string
  /** Whether the backend gets none of these jobs from the route. */
  readonly excluded: boolean
}

/** Why a backend gets no such job from a route; `undefined` when it does. */
export function exclusionOf(
  problems: readonly ModelProblem[],
  route: string,
  jobs: readonly string[],
): ModelProblem | undefined {
  return problems.find(
    (problem) =>
      problem.excluded && problem.route === route && problem.jobs.some((job) => jobs.includes(job)),
  )
}
