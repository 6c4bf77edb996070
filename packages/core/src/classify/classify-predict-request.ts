import type { BodyCursor } from '../body/body-reader.ts'
import { type BodyInput, declaredHeaders, openBody, toReplayBody } from '../body/body-source.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { StreamedBody } from '../body/streamed-body.ts'
import { WholeBody } from '../body/whole-body.ts'
import { defaults } from '../config/defaults.ts'
import { BodyTooLargeError } from '../errors.ts'
import { type Classification, unclassified } from './classification.ts'
import { type BodyFormat, bodyFormat } from './content-type.ts'
import { JobCache } from './job-cache.ts'
import { type ClassifyLimits, type ResolvedLimits, resolveLimits } from './limits.ts'
import { MultipartReader } from './multipart-reader.ts'
import { UrlencodedReader } from './urlencoded-reader.ts'

/** Options that differ from request to request. */
export interface ClassifyRequestOptions {
  /** The content type with its boundary. It overrides the content type of the stream's own headers. */
  readonly contentType?: string
  /**
   * Largest body in bytes; `Infinity` for no limit.
   * @default 33554432 (32 MiB)
   */
  readonly maxBodySize?: number
}

/** Options of `classifyPredictRequest`. */
export interface ClassifyOptions extends ClassifyRequestOptions {
  /** Limits on how much is read to find the job; missing ones have defaults. */
  readonly limits?: ClassifyLimits
}

/** The classification of a request, and its body. */
export interface ClassifiedRequest {
  readonly classification: Classification
  /** The whole body: the bytes already read and those still to come. */
  readonly body: ReplayBody
}

/**
 * Reads just enough of a predict request to know its job, with the same rules as the ML server.
 *
 * Immich sends `entries` before the image, so the first chunk is enough for any size of body. A text search and an
 * `application/x-www-form-urlencoded` body are read to the end. A body that cannot be classified is not an error: the
 * classification has the reason, and the body can be read as usual.
 *
 * @example
 * ```ts
 * import http from 'node:http'
 * import { classifyPredictRequest } from '@immich-ml-router/core'
 *
 * http.createServer(async (req, res) => {
 *   const { classification } = await classifyPredictRequest(req)
 *   res.end(classification.classified ? classification.tasks.join(', ') : classification.reason)
 * })
 * ```
 *
 * @throws {BodyTooLargeError} if the declared length, or the bytes read so far, exceed `maxBodySize`.
 * @throws {BodyFailedError} if the stream fails before the job is known.
 * @throws {TypeError} if `input` is of another type.
 */
export function classifyPredictRequest(
  input: BodyInput,
  { limits, ...options }: ClassifyOptions = {},
): Promise<ClassifiedRequest> {
  return new Classifier(resolveLimits(limits)).classify(input, options)
}

/** A reader that finds `entries` as the router does; `undefined` for another format than `multipart/form-data`. */
export function entriesReader(
  contentType: string | undefined,
  limits?: ClassifyLimits,
): MultipartReader | undefined {
  const resolved = resolveLimits(limits)
  const format = bodyFormat(contentType, resolved.headerParameters)
  return format.kind === 'multipart'
    ? new MultipartReader(format, resolved, new JobCache(resolved))
    : undefined
}

/** Classifies requests, with one set of limits and a cache of jobs. */
export class Classifier {
  readonly #limits: ResolvedLimits
  readonly #cache: JobCache

  constructor(limits: ResolvedLimits) {
    this.#limits = limits
    this.#cache = new JobCache(limits)
  }

  /**
   * See {@link classifyPredictRequest}.
   *
   * @param store Counts the bytes read to find the job: the whole body if the image comes first.
   */
  async classify(
    input: BodyInput,
    options: ClassifyRequestOptions = {},
    store?: BodyStore,
  ): Promise<ClassifiedRequest> {
    const maxSize = options.maxBodySize ?? defaults.maxBodySize
    const declared = declaredHeaders(input)
    if (declared.contentLength !== undefined && declared.contentLength > maxSize) {
      throw new BodyTooLargeError(maxSize, declared.contentLength)
    }
    const format: BodyFormat =
      declared.contentEncoding !== undefined && isEncoded(declared.contentEncoding)
        ? { kind: 'unreadable', reason: 'content-encoded' }
        : bodyFormat(options.contentType ?? declared.contentType, this.#limits.headerParameters)
    if (format.kind === 'unreadable') {
      return { classification: unclassified(format.reason), body: toReplayBody(input, { maxSize, store }) }
    }
    const body = await openBody(input, { maxSize, store })
    const classifier = new BodyClassifier(format, this.#limits, this.#cache)
    const classification =
      body instanceof WholeBody ? classifier.readWhole(body.bytes()) : await readStreamed(body, classifier)
    return { classification, body }
  }
}

/** Classifies a body while it arrives. */
function readStreamed(body: StreamedBody, classifier: BodyClassifier): Promise<Classification> {
  return new Promise((resolve, reject) => {
    const read = () => {
      try {
        const classification = classifier.read(cursor)
        if (classification === undefined) return
        // The classification shares no memory with the body.
        cursor.release()
        cursor.close()
        resolve(classification)
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

/** An empty list of codings and `identity` encode nothing (RFC 9110 section 8.4.1). */
function isEncoded(contentEncoding: string): boolean {
  return !/^(?:[\s,]|identity)*$/i.test(contentEncoding)
}

type ReadableFormat = Exclude<BodyFormat, { kind: 'unreadable' }>

/** Classifies one body. */
class BodyClassifier {
  readonly #format: ReadableFormat
  readonly #limits: ResolvedLimits
  readonly #cache: JobCache
  /** Created if the cache does not know the first chunk. */
  #reader: MultipartReader | UrlencodedReader | undefined

  constructor(format: ReadableFormat, limits: ResolvedLimits, cache: JobCache) {
    this.#format = format
    this.#limits = limits
    this.#cache = cache
  }

  readWhole(bytes: Buffer): Classification {
    return this.#push(bytes) ?? this.#end()
  }

  /** @returns `undefined` until more bytes arrive. */
  read(cursor: Pick<BodyCursor, 'take' | 'release'>): Classification | undefined {
    for (;;) {
      const taken = cursor.take()
      if (taken === 'wait') return undefined
      const classification = taken === 'end' ? this.#end() : this.#push(taken)
      if (classification !== undefined) return classification
      cursor.release(this.#reader?.inUse)
    }
  }

  #push(chunk: Buffer): Classification | undefined {
    const format = this.#format
    if (this.#reader === undefined && format.kind === 'multipart' && format.charset === 'utf-8') {
      const classification = this.#cache.classifyFirstChunk(chunk, format.boundary)
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
      : new MultipartReader(this.#format, this.#limits, this.#cache)
  }
}
