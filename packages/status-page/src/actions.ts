import type { IncomingMessage } from 'node:http'
import type { Router } from '@immich-ml-router/core'

/** An admin action on a backend. */
export type Action = 'drain' | 'enable' | 'wake'

export function isAction(text: string): text is Action {
  return text === 'drain' || text === 'enable' || text === 'wake'
}

/**
 * Runs an action. Rejects when a machine could not be woken.
 *
 * @throws {RangeError} when no backend has this name.
 */
export async function act(router: Router, backend: string, action: Action): Promise<void> {
  if (action === 'enable') router.enable(backend)
  else if (action === 'wake') await router.wake(backend)
  // Draining ends with the last request in flight, which may take minutes. The page shows the progress.
  else void router.drain(backend)
}

/**
 * Removes saved answers of text searches: those of the query's `model`, or all.
 *
 * @throws {RangeError} when no module saves answers.
 */
export async function forget(router: Router, { url = '' }: IncomingMessage): Promise<void> {
  const model = new URL(url, 'http://localhost').searchParams.get('model') ?? undefined
  if (router.modules.forgetAnswers(model) === undefined)
    throw new RangeError('No answers are saved: no route has searchCache.')
}
