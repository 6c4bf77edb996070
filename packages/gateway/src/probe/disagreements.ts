import { type RouterConfig, selectBackend } from '@immich-ml-router/core'
import { compareAnswers, findDissent } from '@immich-ml-router/core/agreement'
import { type Finding, resultOf } from './finding.ts'
import { classificationOf, IMMICH_JOBS, type ImmichJob } from './immich-jobs.ts'

/**
 * Compares the answers of the backends of one route to the same request.
 *
 * @param jobs The jobs that the backends were asked for. Default: Immich's, with its default models.
 * @returns A sentence for each backend that disagrees, such as `gpu and hailo disagree on ViT-B-32__openai: cosine 0.71`.
 */
export function disagreementsOf(
  { backends, routes }: RouterConfig,
  findings: ReadonlyMap<string, Finding>,
  jobs: readonly ImmichJob[] = IMMICH_JOBS,
): readonly string[] {
  const select = selectBackend({ backends, routes })
  try {
    const sentences = jobs.flatMap((job) => {
      const { candidates } = select.explain(classificationOf(job))
      const answers = [...new Set(candidates.map(({ backend }) => backend))].flatMap((backend) => {
        const result = resultOf(findings.get(backend), job)
        return result?.kind === 'works' && result.answer ? [[backend, result.answer] as const] : []
      })
      const models = new Set(job.entries.map(({ model }) => model))
      return findDissent(answers, (one, two) => compareAnswers(job.entries, one, two)).map(
        ({ backend, standard, difference }) =>
          `${standard} and ${backend} disagree on ${[...models].join(', ')}: ${difference}`,
      )
    })
    return [...new Set(sentences)]
  } finally {
    select.close()
  }
}
