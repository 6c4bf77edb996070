import { type BodyInput, declaredHeaders, toReplayBody } from '../body/body-source.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import { defaults } from '../defaults.ts'
import { BodyTooLargeError } from '../errors.ts'
import { type Classification, unclassified } from './classification.ts'
import { type BodyFormat, bodyFormat } from './content-type.ts'
import { classifyFirstChunk } from './first-chunk.ts'
import { FormParser } from './form-parser.ts'
import { HeadParser } from './head-parser.ts'

export interface ClassifyOptions {
  /**
   * The content type, with its boundary. It overrules the one that the stream's own headers give. Without either,
   * the boundary is read off the body's first line.
   */
  readonly contentType?: string
  /**
   * Largest body in bytes; `Infinity` for no limit.
   * @default 33554432 (32 MiB)
   */
  readonly maxBodySize?: number
}

/** A request whose job is known, or is known not to be knowable, and its body. */
export interface ClassifiedRequest {
  readonly classification: Classification
  /** Every byte of the body: those already read and those still to come. */
  readonly body: ReplayBody
}

/**
 * Reads just enough of a predict request to know its job.
 *
 * With `entries` first, as Immich sends them, that is the first chunk, however large the body. An
 * `application/x-www-form-urlencoded` body is read to its end, up to 2 MiB. A body that cannot be
 * classified is no error: the classification says why, and the body is as readable as any other.
 *
 * @throws {BodyTooLargeError} when the declared length, or what was read so far, is over `maxBodySize`.
 * @throws {BodyFailedError} when the stream fails before the job is known.
 * @throws {TypeError} when `input` is none of the kinds that it may be.
 */
export function classifyPredictRequest(
  input: BodyInput,
  options: ClassifyOptions = {},
): Promise<ClassifiedRequest> {
  return new Promise((resolve, reject) => {
    const maxSize = options.maxBodySize ?? defaults.maxBodySize
    const declared = declaredHeaders(input)
    if (declared.contentLength !== undefined && declared.contentLength > maxSize) {
      throw new BodyTooLargeError(maxSize, declared.contentLength)
    }
    const body = toReplayBody(input, { maxSize })
    const format: BodyFormat =
      declared.contentEncoding === undefined || declared.contentEncoding === 'identity'
        ? bodyFormat(options.contentType ?? declared.contentType)
        : { kind: 'unreadable', reason: 'content-encoded' }
    if (format.kind === 'unreadable') return resolve({ classification: unclassified(format.reason), body })
    const reader = new HeadReader(format)
    const read = () => {
      try {
        const classification = reader.read(cursor)
        if (classification === undefined) return
        cursor.close()
        resolve({ classification, body })
      } catch (error) {
        body.destroy()
        reject(error)
      }
    }
    const cursor = body.cursor(read)
    read()
  })
}

type ReadableFormat = Exclude<BodyFormat, { kind: 'unreadable' }>

class HeadReader {
  readonly #format: ReadableFormat
  /** Created when the first chunk alone does not decide. */
  #parser: HeadParser | FormParser | undefined

  constructor(format: ReadableFormat) {
    this.#format = format
  }

  /** @returns `undefined` when more bytes must come first. */
  read(cursor: { take(): Buffer | 'wait' | 'end' }): Classification | undefined {
    for (;;) {
      const taken = cursor.take()
      if (taken === 'wait') return undefined
      const classification = taken === 'end' ? this.#end() : this.#push(taken)
      if (classification !== undefined) return classification
    }
  }

  #push(chunk: Buffer): Classification | undefined {
    if (this.#parser === undefined && this.#format.kind === 'multipart') {
      const classification = classifyFirstChunk(chunk, this.#format.boundary)
      if (classification !== undefined) return classification
    }
    this.#parser ??= createParser(this.#format)
    return this.#parser.push(chunk)
  }

  #end(): Classification {
    this.#parser ??= createParser(this.#format)
    return this.#parser.end()
  }
}

function createParser(format: ReadableFormat): HeadParser | FormParser {
  return format.kind === 'urlencoded' ? new FormParser() : new HeadParser(format)
}
