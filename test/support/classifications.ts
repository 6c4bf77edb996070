import type { Classified } from '@immich-ml-router/core'

/** What is known of a request for these jobs, such as `clip/textual/ViT`; `m` is the model of those that name none. */
export function classified(input: Classified['input'], ...jobs: readonly string[]): Classified {
  const entries = jobs.map((job) => {
    const [task = '', type = '', model = 'm'] = job.split('/')
    return { task, type, model, options: {} }
  })
  return { classified: true, entries, tasks: [...new Set(entries.map(({ task }) => task))], input }
}
