import { defaults } from '../config/defaults.ts'
import { parseSize } from '../config/size.ts'

/**
 * Limits of classification. A request over a limit is not refused but unclassified, with a reason per limit. Each default is
 * far above what Immich sends.
 */
export interface ClassifyLimits {
  /**
   * Size of the `entries` field: bytes, or a size such as `64kb`.
   * @default '64kb' (Immich's are under 1 KiB)
   */
  readonly entriesSize?: number | string | undefined
  /**
   * Entries in the JSON of the `entries` field: its types, over all tasks.
   * @default 64 (Immich sends one or two)
   */
  readonly entries?: number | undefined
  /**
   * Characters of a task, type or model name.
   * @default 256
   */
  readonly nameLength?: number | undefined
  /**
   * Levels of arrays and objects in the JSON of the `entries` field.
   * @default 32 (Immich's options have none; an entry without options takes 3)
   */
  readonly jsonDepth?: number | undefined
  /**
   * Values in the JSON of the `entries` field: strings, numbers, literals, arrays and objects.
   * @default 1024
   */
  readonly jsonValues?: number | undefined
  /**
   * Fields of a form, and the same number of files; fields of a urlencoded body.
   * @default 1000 (starlette's `max_fields` and `max_files`)
   */
  readonly parts?: number | undefined
  /**
   * Header lines of one part.
   * @default 8 (python-multipart's `DEFAULT_MAX_HEADER_COUNT`)
   */
  readonly partHeaders?: number | undefined
  /**
   * Size of one header line of a part: bytes, or a size such as `4kb`.
   * @default 4224 (python-multipart's `DEFAULT_MAX_HEADER_SIZE`)
   */
  readonly partHeaderSize?: number | string | undefined
  /**
   * Parameters of `Content-Type`, and of a part's `Content-Disposition`.
   * @default 16
   */
  readonly headerParameters?: number | undefined
}

/** {@link ClassifyLimits} in bytes and numbers, with defaults. */
export type ResolvedLimits = { readonly [K in keyof ClassifyLimits]-?: number }

/** Adds the defaults. */
export function resolveLimits(limits: ClassifyLimits = {}): ResolvedLimits {
  const { entriesSize, partHeaderSize, ...counts } = limits
  const given = Object.entries(counts).filter(([, value]) => value !== undefined)
  return {
    ...defaults.limits,
    ...Object.fromEntries(given),
    entriesSize: parseSize(entriesSize ?? '') ?? defaults.limits.entriesSize,
    partHeaderSize: parseSize(partHeaderSize ?? '') ?? defaults.limits.partHeaderSize,
  }
}
