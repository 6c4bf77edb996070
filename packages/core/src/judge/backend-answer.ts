/** An answer of a backend, or its beginning. */
export interface BackendAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** What has come of the body, without its content coding. */
  readonly body: Buffer
  /** Whether that is all of it. */
  readonly complete: boolean
}

/** What was asked. */
export interface Asked {
  /** Name of the backend, for the reasons. */
  readonly backend: string
  /** The tasks of the request; none when it is not classified: then the status and the content type decide. */
  readonly tasks: readonly string[]
  /** The names in `entries`. */
  readonly names: () => Iterable<string>
  /** The beginning of the request as text, as far as it is in memory. */
  readonly written: () => string
}
