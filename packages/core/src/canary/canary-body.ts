import type { Entry } from '../classify/classification.ts'
import { BUILT_IN_IMAGE, BUILT_IN_TEXT } from './built-in.ts'
import type { CanaryJob } from './canary-job.ts'
import type { Sample } from './samples.ts'

/**
 * The request that a canary sends: the job that failed, on what the sample asked about.
 *
 * @param sample A request of the same tasks, types and models; without one, a word or an image of the router's own.
 */
export async function canaryBody(
  { entries, input }: Pick<CanaryJob, 'entries' | 'input'>,
  sample?: Sample | undefined,
): Promise<Sample> {
  const form = (await formOf(sample)) ?? builtIn(input)
  form.set('entries', JSON.stringify(nested(entries)))
  const encoded = new Response(form)
  return {
    body: Buffer.from(await encoded.arrayBuffer()),
    contentType: encoded.headers.get('content-type') ?? '',
  }
}

async function formOf(sample: Sample | undefined): Promise<FormData | undefined> {
  if (sample === undefined) return undefined
  const { body, contentType } = sample
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
  } catch {
    // Node's parser is stricter than the ML server's.
    return undefined
  }
}

function builtIn(input: CanaryJob['input']): FormData {
  const form = new FormData()
  // The ML server reads the fields in any order; Immich sends entries first.
  form.set('entries', '')
  if (input === 'text') form.set('text', BUILT_IN_TEXT)
  else form.set('image', new Blob([BUILT_IN_IMAGE]), 'blob')
  return form
}

/** The `entries` of the wire: task, then type, then model. */
function nested(entries: readonly Entry[]): Record<string, Record<string, object>> {
  const tasks: Record<string, Record<string, object>> = Object.create(null)
  for (const { task, type, model, options } of entries) {
    const types = tasks[task] ?? Object.create(null)
    types[type] = { modelName: model, options }
    tasks[task] = types
  }
  return tasks
}
