/** One job of a predict request: a leaf of its `entries`. */
export interface Entry {
  /** The task: `clip`, `facial-recognition`, `ocr`, … */
  readonly task: string
  /** The half of the task: `textual`, `visual`, `detection`, `recognition`, … */
  readonly type: string
  /** The model's name, such as `ViT-B-32__openai`. */
  readonly model: string
  /** The model's options as sent; an empty object if they are missing or not an object. Untrusted data. */
  readonly options: Readonly<Record<string, unknown>>
}

/** The name of the part or field that holds the payload. */
export type PredictInput = 'text' | 'image'

/** Why a request could not be classified. The limits are those of `ClassifyLimits`. */
export type UnclassifiedReason =
  /** The content type is neither `multipart/form-data` nor `application/x-www-form-urlencoded`. */
  | 'not-multipart'
  /** The body has a `Content-Encoding`, so its fields cannot be read. */
  | 'content-encoded'
  /** `multipart/form-data` without a boundary. */
  | 'no-boundary'
  /** The boundary is longer than 256 characters. */
  | 'boundary-too-long'
  /** The content type names a charset other than UTF-8, US-ASCII and ISO-8859-1. */
  | 'unknown-charset'
  /** No field is named `entries`. */
  | 'no-entries'
  /** The last part named `entries` has a filename, so the ML server treats it as a file. */
  | 'entries-in-file'
  /** `entries` is larger than `entriesSize`. */
  | 'too-large-entries'
  /** `entries` has more than `entries` jobs. */
  | 'too-many-entries'
  /** A task, type or model name is longer than `nameLength`. */
  | 'too-long-name'
  /** `entries` nests deeper than `jsonDepth`. */
  | 'too-deep-entries'
  /** `entries` has more than `jsonValues` values. */
  | 'too-many-values'
  /** `entries` is not JSON. */
  | 'invalid-json'
  /** `entries` is JSON, but not `{task: {type: {modelName, options?}}}` with at least one job. */
  | 'invalid-entries'
  /** More than `parts` fields, or more than `parts` files. */
  | 'too-many-parts'
  /** The header of a part has a line over `partHeaderSize`, or more than `partHeaders` lines. */
  | 'too-large-part-header'
  /** A content type or content disposition has more than `headerParameters` parameters. */
  | 'too-many-header-parameters'
  /** The body breaks the multipart syntax. */
  | 'malformed-multipart'
  /** The body ends before `entries` does. */
  | 'truncated'

/** A predict request with a known job. */
export interface Classified {
  readonly classified: true
  /** Every job of the request, in the order of the request; never empty. */
  readonly entries: readonly Entry[]
  /** The distinct tasks, in the order of the request; never empty. */
  readonly tasks: readonly string[]
  /** The payload that the ML server uses: the image if there is one, else the text; `undefined` without either. */
  readonly input: PredictInput | undefined
  readonly reason?: never
}

/** A request with an unknown job. */
export interface Unclassified {
  readonly classified: false
  readonly entries: readonly []
  readonly tasks: readonly []
  readonly input: undefined
  /** Machine-readable. */
  readonly reason: UnclassifiedReason
}

/** The jobs of a predict request, or why they are unknown. */
export type Classification = Classified | Unclassified

/** Creates the classification of a request with an unknown job. */
export function unclassified(reason: UnclassifiedReason): Unclassified {
  return { classified: false, entries: [], tasks: [], input: undefined, reason }
}
