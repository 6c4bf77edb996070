/**
 * Why a call to Immich failed. `unreachable`: no usable answer, so that it may have been carried out. `refused`: it was not
 * carried out, because of the key, the permissions or the version. `busy`: Immich cannot do it now.
 */
export type ImmichErrorKind = 'unreachable' | 'refused' | 'busy'

/** A call to Immich failed. The message names the remedy, and never the API key. */
export class ImmichError extends Error {
  override readonly name = 'ImmichError'
  readonly kind: ImmichErrorKind

  constructor(kind: ImmichErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

const KEYS = 'Immich under Account Settings, API Keys'
const MISSING = /Missing required permission: ([\w.]+)/

/** The error for an answer that is not 2xx. @param text The answer's body, which may be anything. */
export function errorOf(status: number, text: string, path: string): ImmichError {
  const permission = MISSING.exec(text)?.[1]
  if (permission !== undefined)
    return refused(`the API key of Immich lacks the permission ${permission}; add it in ${KEYS}`)
  if (status === 401)
    return refused(`Immich does not accept the API key; create one in ${KEYS}, and set immich.apiKey`)
  if (status === 403)
    return refused('the API key of Immich is not that of an administrator; create one as administrator')
  if (status === 404)
    return refused(
      `no Immich of version 2.4 or later answers (${path}: 404); update Immich, or check immich.url`,
    )
  if (status === 400) return new ImmichError('busy', `Immich answered 400 to ${path}`)
  if (status < 400)
    return refused(`Immich answered with a redirect (${status}); set immich.url to its target`)
  return new ImmichError('unreachable', `Immich answered ${status} to ${path}`)
}

function refused(message: string): ImmichError {
  return new ImmichError('refused', message)
}
