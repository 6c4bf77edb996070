import type { Router } from '@immich-ml-router/core'

/** What can be done to a backend by hand. */
export type Action = 'drain' | 'enable' | 'wake'

export function isAction(text: string): text is Action {
  return text === 'drain' || text === 'enable' || text === 'wake'
}

/**
 * Does it. Rejects when a machine could not be woken.
 *
 * @throws {RangeError} when there is no backend of this name.
 */
export async function act(router: Router, backend: string, action: Action): Promise<void> {
  if (action === 'enable') router.enable(backend)
  else if (action === 'wake') await router.wake(backend)
  // That nothing runs there any more is seen on the page; it may take long.
  else void router.drain(backend)
}
