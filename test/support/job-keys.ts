import { type JobKeys, jobKeysOf } from '@immich-ml-router/core/parts'

/** The keys of a request for tasks and types such as `clip/visual`, each with a different model. */
export function keysOf(...types: readonly string[]): JobKeys {
  return keysOfSize(0, ...types)
}

/** The same for a body of `size` bytes. */
export function keysOfSize(size: number, ...types: readonly string[]): JobKeys {
  return jobKeysOf(
    types.map((name) => {
      const [task = '', type = ''] = name.split('/')
      return { task, type, model: `${name}-model`, options: {} }
    }),
    () => size,
  )
}
