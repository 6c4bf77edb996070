/** The HTTP status of each error. */
const STATUS = {
  'body-too-large': 413,
  'body-consumed': 500,
  'body-failed': 400,
  'upload-timeout': 408,
  'unsupported-transfer-coding': 501,
  unclassified: 422,
  'no-backend-available': 503,
  'hold-expired': 503,
  'hold-full': 503,
  'queue-expired': 503,
  'queue-full': 503,
  'backend-failed': 502,
  'backend-timeout': 504,
  'router-closed': 503,
  'client-left': 499,
  'not-found': 404,
  'not-classified': 500,
  internal: 500,
} as const

/** Machine-readable reason of an error answer of the router: `code` in its JSON body. */
export type ErrorCode = keyof typeof STATUS

/**
 * Base class of the errors that this library throws while it handles a request.
 *
 * @example
 * ```ts
 * import { RouterError } from '@immich-ml-router/core'
 *
 * export function statusOf(error: unknown): number {
 *   return error instanceof RouterError ? error.status : 500
 * }
 * ```
 */
export class RouterError extends Error {
  override readonly name: string = 'RouterError'
  /** Machine-readable reason. */
  readonly code: ErrorCode
  /** The HTTP status for the client. */
  readonly status: number
  /** Further members of the JSON error body. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = STATUS[code]
    this.details = options.details ?? {}
  }
}

/** The body is larger than `maxBodySize`. */
export class BodyTooLargeError extends RouterError {
  override readonly name = 'BodyTooLargeError'
  /** The limit, in bytes. */
  readonly limit: number

  constructor(limit: number, declared?: number) {
    const size = declared === undefined ? 'The request body' : `The request body of ${declared} bytes`
    super('body-too-large', `${size} is larger than the limit of ${limit} bytes (maxBodySize).`)
    this.limit = limit
  }
}

/** The body's stream failed before its end; see `cause`. */
export class BodyFailedError extends RouterError {
  override readonly name = 'BodyFailedError'

  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super('body-failed', `The request body ended before it was complete: ${why}.`, { cause })
  }
}

/** The job of the request is unknown, and `onUnclassified` refuses such requests. */
export class UnclassifiedError extends RouterError {
  override readonly name = 'UnclassifiedError'

  constructor(reason: string) {
    super('unclassified', 'Invalid request format.', { details: { reason } })
  }
}

/** Another middleware read the body before the router and did not keep its bytes. */
export class BodyConsumedError extends RouterError {
  override readonly name = 'BodyConsumedError'

  constructor(culprit: string) {
    super(
      'body-consumed',
      `An earlier middleware (${culprit}) has already read the body of this request, so its bytes are gone. ` +
        'Move the immich-ml-router middleware above it, limit that middleware to other paths, ' +
        "or keep the bytes with express.raw({ type: ['multipart/form-data', 'application/x-www-form-urlencoded'], limit: '32mb' }).",
    )
  }
}

/** A body on disk could not be read; see `cause`. */
export class SpoolError extends RouterError {
  override readonly name = 'SpoolError'

  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super('internal', `The request body could not be read from its temp file (bodySpool): ${why}.`, {
      cause,
    })
  }
}

/** `body.stream()` was called after `body.release()`. */
export class BodyReleasedError extends RouterError {
  override readonly name = 'BodyReleasedError'

  constructor() {
    super(
      'internal',
      'The body was released, so it can no longer be read from its start. Call stream() before release().',
    )
  }
}

/**
 * No backend of the route is available for the request.
 *
 * @example
 * ```ts
 * import { type Classification, NoBackendError, type Select } from '@immich-ml-router/core'
 *
 * export async function isServed(select: Select, classification: Classification): Promise<boolean> {
 *   try {
 *     const lease = await select(classification)
 *     lease.release()
 *     return true
 *   } catch (error) {
 *     if (error instanceof NoBackendError) return false
 *     throw error
 *   }
 * }
 * ```
 */
export class NoBackendError extends RouterError {
  override readonly name = 'NoBackendError'

  /** @param why A reason such as `gpu is excluded`. */
  constructor(route: string, why: string) {
    super('no-backend-available', `No backend of route "${route}" is available: ${why}.`)
  }
}

/** The wait of a request expired, or too many requests are waiting. */
export class HoldError extends RouterError {
  override readonly name = 'HoldError'
}

/** The TLS handshake with a backend failed. The message has the reason; `cause` is Node's error. */
export class TlsError extends Error {
  override readonly name = 'TlsError'
  /** Node's or OpenSSL's code, such as `CERT_HAS_EXPIRED`. */
  readonly code: string

  constructor(why: string, code: string, cause: unknown) {
    super(`${why} (${code})`, { cause })
    this.code = code
  }
}

/** The router was closed. */
export class RouterClosedError extends RouterError {
  override readonly name = 'RouterClosedError'

  constructor(cause?: unknown) {
    super('router-closed', 'The router is shutting down.', { cause })
  }
}

/** The client left before the answer. The status 499 appears only in logs, as in nginx. */
export class ClientLeftError extends RouterError {
  override readonly name = 'ClientLeftError'

  constructor() {
    super('client-left', 'The client left.')
  }
}
