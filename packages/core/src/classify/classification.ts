/** One job of a predict request: a leaf of its `entries`. */
export interface Entry {
  /** What is to be done: `clip`, `facial-recognition`, `ocr`, … */
  readonly task: string
  /** Which half of the task: `textual`, `visual`, `detection`, `recognition`, … */
  readonly type: string
  /** The model's name, such as `ViT-B-32__openai`. */
  readonly model: string
  /** The model's options as they were sent; an empty object when there were none. Untrusted data. */
  readonly options: Readonly<Record<string, unknown>>
}

/** The name of the part or field that holds the payload. */
export type PredictInput = 'text' | 'image'

/** Why a request could not be classified. */
export type UnclassifiedReason =
  /**
   * The content type is neither `multipart/form-data` nor `application/x-www-form-urlencoded`, or it is missing and the
   * body does not begin like multipart.
   */
  | 'not-multipart'
  /** The body has a `Content-Encoding`, so its fields cannot be read. */
  | 'content-encoded'
  /** `multipart/form-data` without a usable boundary, neither in the content type nor on the first line. */
  | 'no-boundary'
  /** The boundary is longer than 70 characters. */
  | 'boundary-too-long'
  /** No part or field is named `entries`. */
  | 'no-entries'
  /** `entries` is larger than 1 MiB. */
  | 'too-large-entries'
  /** `entries` is not JSON. */
  | 'invalid-json'
  /** `entries` is JSON, but not `{task: {type: {modelName, options?}}}` with at least one job. */
  | 'invalid-entries'
  /** More than 100 parts or fields. */
  | 'too-many-parts'
  /** The header of a part is larger than 16 KiB. */
  | 'too-large-part-header'
  /** A body of type `application/x-www-form-urlencoded` is larger than 2 MiB. */
  | 'too-large-form'
  /** The body breaks the multipart syntax. */
  | 'malformed-multipart'
  /** The body ends before `entries` does. */
  | 'truncated'

/** What is known of a predict request whose job is known. */
export interface Classified {
  readonly classified: true
  /** Every job of the request, in the order in which it was sent; never empty. */
  readonly entries: readonly Entry[]
  /** The distinct tasks, in the order in which they were sent; never empty. */
  readonly tasks: readonly string[]
  /** The name of the first payload, or `undefined` when the request has none. */
  readonly input: PredictInput | undefined
  readonly reason?: never
}

/** What is known of a request whose job is not known: why. */
export interface Unclassified {
  readonly classified: false
  readonly entries: readonly []
  readonly tasks: readonly []
  readonly input: undefined
  /** Machine-readable. */
  readonly reason: UnclassifiedReason
}

/** What is known of a predict request. */
export type Classification = Classified | Unclassified

/** The classification of a request whose job is not known. */
export function unclassified(reason: UnclassifiedReason): Unclassified {
  return { classified: false, entries: [], tasks: [], input: undefined, reason }
}
