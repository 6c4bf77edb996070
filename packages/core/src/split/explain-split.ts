import type { Classification, Classified } from '../classify/classification.ts'
import type { CandidateExplanation, Explanation } from '../explain/explanation.ts'
import type { Select } from '../router/select-backend.ts'
import type { ExplainOptions } from '../routing/select-options.ts'

/**
 * Explains a request as a router with {@link splitRequests} handles it.
 *
 * @param select Explains single requests, such as the result of `selectBackend()`.
 * @returns The decision `split` for a request that no candidate of its route serves, while each of its tasks has one; else the
 *   explanation of `select`.
 *
 * @example
 * ```ts
 * import { classifyPredictRequest, explanationText, selectBackend } from '@immich-ml-router/core'
 * import { explainSplit } from '@immich-ml-router/core/split'
 *
 * const select = selectBackend({
 *   backends: {
 *     gpu: { url: 'http://gpu:3003', tasks: ['clip'] },
 *     nas: { url: 'http://nas:3003', tasks: ['facial-recognition'] },
 *   },
 * })
 * export async function explain(request: Request): Promise<string> {
 *   const { classification } = await classifyPredictRequest(request)
 *   return explanationText(explainSplit(select, classification))
 * }
 * ```
 */
export function explainSplit(
  select: Pick<Select, 'explain'>,
  classification: Classification,
  options?: ExplainOptions,
): Explanation {
  const whole = select.explain(classification, options)
  if (!classification.classified || classification.tasks.length < 2 || hasCandidate(whole)) return whole
  // A backend that is excluded serves them all.
  if (whole.candidates.some(({ reason }) => reason.kind === 'excluded')) return whole
  const parts = classification.tasks.map((task) => ({
    task,
    own: select.explain(partOf(classification, task), options),
  }))
  if (!parts.every(({ own }) => hasCandidate(own))) return whole
  const decisions = parts.map(({ task, own: { route, decision } }) => ({ task, route, decision }))
  return { ...whole, decision: { kind: 'split', parts: decisions } }
}

/** The part of a request with one of its tasks. */
export function partOf(classification: Classified, task: string): Classified {
  return {
    ...classification,
    entries: classification.entries.filter((entry) => entry.task === task),
    tasks: [task],
  }
}

function hasCandidate({ candidates }: Explanation): boolean {
  return candidates.some((candidate) => !isNoCandidate(candidate))
}

/** Whether a backend never gets the request. One that has said that it lacks a task may be asked again. */
function isNoCandidate({ reason }: CandidateExplanation): boolean {
  if (reason.kind === 'lacks-task') return reason.endsIn === undefined
  return reason.kind === 'excluded' || reason.kind === 'model-problem'
}
