import type { Classified } from '@immich-ml-router/core/parts'

/** The classification of a request for jobs such as `clip/textual/ViT`. The model defaults to `m`. */
export function classified(input: Classified['input'], ...jobs: readonly string[]): Classified {
  const entries = jobs.map((job) => {
    const [task = '', type = '', model = 'm'] = job.split('/')
    return { task, type, model, options: {} }
  })
  return { classified: true, entries, tasks: [...new Set(entries.map(({ task }) => task))], input }
}
