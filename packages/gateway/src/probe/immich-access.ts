import type { RouterConfig } from '@immich-ml-router/core'

/** What is known of the access to Immich: a line, and whether something has to be mended. */
export interface ImmichAccess {
  readonly line: string
  readonly error: string | undefined
}

/** Asks Immich whether its key can do what the configuration needs. It changes nothing. @returns `undefined` without `immich`. */
export async function immichAccess({ immich }: RouterConfig): Promise<ImmichAccess | undefined> {
  if (immich === undefined) return undefined
  const { checkAccess } = await import('@immich-ml-router/immich')
  try {
    const { queues, lacks } = await checkAccess(immich)
    const left = Object.entries(queues).map(([name, jobs]) => `${name} ${jobs}`)
    const line = `Immich answers; jobs left: ${left.join(', ')}`
    if (lacks === undefined)
      return { line: `${line}; it does not tell the permissions of its key`, error: undefined }
    const error =
      lacks.length === 0
        ? undefined
        : `immich.apiKey lacks ${lacks.join(' and ')}; add them in Immich under Account Settings, API Keys`
    return { line, error }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { line: 'Immich: no access', error: `immich: ${message}` }
  }
}
