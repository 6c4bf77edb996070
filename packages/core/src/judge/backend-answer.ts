/** A backend's answer, or its first bytes. */
export interface BackendAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The bytes of the body received so far, without content coding. */
  readonly body: Buffer
  /** Whether `body` is the whole body. */
  readonly complete: boolean
}

/** The request that an answer belongs to. */
export interface Asked {
  /** Name of the backend, for messages. */
  readonly backend: string
  /** The tasks of the request. Empty if it is not classified; then only status and content type count. */
  readonly tasks: readonly string[]
  /** The names in `entries`. */
  readonly names: () => Iterable<string>
  /** The first bytes of the request as text, if they are in memory. */
  readonly written: () => string
}
