import { type ImmichAccess, ImmichClient, type QueueStatuses } from './immich-client.ts'
import { ImmichError } from './immich-error.ts'

/** What a key can do. */
export interface Access {
  /** Jobs that are not done, by queue. */
  readonly queues: Readonly<Record<string, number>>
  /** Permissions that the key lacks; `undefined` when Immich does not tell. */
  readonly lacks: readonly string[] | undefined
}

/**
 * Asks Immich whether a key can be used for its queues. It changes nothing.
 *
 * @throws {Error} when Immich cannot be asked, with the remedy in its message.
 *
 * @example
 * ```ts
 * import { checkAccess } from '@immich-ml-router/immich'
 *
 * const { lacks } = await checkAccess({ url: 'http://immich-server:2283', apiKey: process.env['IMMICH_API_KEY'] ?? '' })
 * console.log(lacks)
 * ```
 */
export async function checkAccess(access: ImmichAccess): Promise<Access> {
  const client = new ImmichClient(access)
  const queues = await client.queues()
  return { queues: remainingIn(queues), lacks: await lacking(client) }
}

async function lacking(client: ImmichClient): Promise<readonly string[] | undefined> {
  try {
    return await client.lackingPermissions()
  } catch (error) {
    // The queues could be read: an Immich that cannot tell about its key is no problem.
    if (error instanceof ImmichError) return undefined
    throw error
  }
}

function remainingIn(queues: QueueStatuses): Record<string, number> {
  return Object.fromEntries([...queues].map(([name, { remaining }]) => [name, remaining]))
}
