import type { BodyCursor } from '../body/body-reader.ts'
import { type BodyInput, declaredHeaders, toReplayBody } from '../body/body-source.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import { defaults } from '../config/defaults.ts'
import { BodyTooLargeError } from '../errors.ts'
import { type Classification, unclassified } from './classification.ts'
import { type BodyFormat, bodyFormat } from './content-type.ts'
import { JobMemory } from './job-memory.ts'
import { type ClassifyLimits, type ResolvedLimits, resolveLimits } from './limits.ts'
import { MultipartReader } from './multipart-reader.ts'
import { UrlencodedReader } from './urlencoded-reader.ts'

/** Options that differ from request to request. */
export interface ClassifyRequestOptions {
  /** The content type, with its boundary. It overrules the one that the stream's own headers give. */
  readonly contentType?: string
  /**
   * Largest body in bytes; `Infinity` for no limit.
   * @default 33554432 (32 MiB)
   */
  readonly maxBodySize?: number
}

/** Options of `classifyPredictRequest`. */
export interface ClassifyOptions extends ClassifyRequestOptions {
  /** How much is read to know the job; defaults are filled in. */
  readonly limits?: ClassifyLimits
}

/** A request whose job is known, or is known not to be knowable, and its body. */
export interface ClassifiedRequest {
  readonly classification: Classification
  /** Every byte of the body: those already read and those still to come. */
  readonly body: ReplayBody
}

/**
 * Reads just enough of a predict request to know its job, as the ML server will read it.
 *
 * With `entries` before the image, as Immich sends them, that is the first chunk, however large the body. A text search,
 * and any `application/x-www-form-urlencoded` body, is read to its end. A body that cannot be classified is no error:
 * the classification says why, and the body is as readable as any other.
 *
 * @throws {BodyTooLargeError} when the declared length, or what was read so far, is over `maxBodySize`.
 * @throws {BodyFailedError} when the stream fails before the job is known.
 * @throws {TypeError} when `input` is none of the kinds that it may be.
 */
export function classifyPredictRequest(
  input: BodyInput,
  { limits, ...options }: ClassifyOptions = {},
): Promise<ClassifiedRequest> {
  const classifier = limits === undefined ? withDefaults : new Classifier(resolveLimits(limits))
  return classifier.classify(input, options)
}

/** Classifies requests within the same limits, and remembers the jobs that it has seen. */
export class Classifier {
  readonly #limits: ResolvedLimits
  readonly #memory: JobMemory

  constructor(limits: ResolvedLimits) {
    this.#limits = limits
    this.#memory = new JobMemory(limits)
  }

  /**
   * See {@link classifyPredictRequest}.
   *
   * @param store Counts what is read of the body to know its job, which is all of it when the image comes first.
   */
  classify(
    input: BodyInput,
    options: ClassifyRequestOptions = {},
    store?: BodyStore,
  ): Promise<ClassifiedRequest> {
    return new Promise((resolve, reject) => {
      const maxSize = options.maxBodySize ?? defaults.maxBodySize
      const declared = declaredHeaders(input)
      if (declared.contentLength !== undefined && declared.contentLength > maxSize) {
        throw new BodyTooLargeError(maxSize, declared.contentLength)
      }
      const body = toReplayBody(input, { maxSize, store })
      const format: BodyFormat = isEncoded(declared.contentEncoding)
        ? { kind: 'unreadable', reason: 'content-encoded' }
        : bodyFormat(options.contentType ?? declared.contentType, this.#limits.headerParameters)
      if (format.kind === 'unreadable') return resolve({ classification: unclassified(format.reason), body })
      const reading = new Reading(format, this.#limits, this.#memory)
      const read = () => {
        try {
          const classification = reading.read(cursor)
          if (classification === undefined) return
          // What is known of the job is a copy.
          cursor.giveBack()
          cursor.close()
          resolve({ classification, body })
        } catch (error) {
          body.destroy()
          reject(error)
        }
      }
      const cursor = body.cursor(read)
      cursor.borrow()
      read()
    })
  }
}

const withDefaults = new Classifier(defaults.limits)

/** An empty list of codings, or `identity` in any case, encodes nothing (RFC 9110 section 8.4.1). */
function isEncoded(contentEncoding = ''): boolean {
  return !/^(?:[\s,]|identity)*$/i.test(contentEncoding)
}

type ReadableFormat = Exclude<BodyFormat, { kind: 'unreadable' }>

/** Reads one body. */
class Reading {
  readonly #format: ReadableFormat
  readonly #limits: ResolvedLimits
  readonly #memory: JobMemory
  /** Created when the first chunk alone does not decide. */
  #reader: MultipartReader | UrlencodedReader | undefined

  constructor(format: ReadableFormat, limits: ResolvedLimits, memory: JobMemory) {
    this.#format = format
    this.#limits = limits
    this.#memory = memory
  }

  /** @returns `undefined` when more bytes must come first. */
  read(cursor: Pick<BodyCursor, 'take' | 'giveBack'>): Classification | undefined {
    for (;;) {
      const taken = cursor.take()
      if (taken === 'wait') return undefined
      const classification = taken === 'end' ? this.#end() : this.#push(taken)
      if (classification !== undefined) return classification
      cursor.giveBack(this.#reader?.kept)
    }
  }

  #push(chunk: Buffer): Classification | undefined {
    const format = this.#format
    if (this.#reader === undefined && format.kind === 'multipart' && format.charset === 'utf-8') {
      const classification = this.#memory.classifyFirstChunk(chunk, format.boundary)
      if (classification !== undefined) return classification
    }
    this.#reader ??= this.#createReader()
    return this.#reader.push(chunk)
  }

  #end(): Classification {
    this.#reader ??= this.#createReader()
    return this.#reader.end()
  }

  #createReader(): MultipartReader | UrlencodedReader {
    return this.#format.kind === 'urlencoded'
      ? new UrlencodedReader(this.#limits)
      : new MultipartReader(this.#format, this.#limits, this.#memory)
  }
}
