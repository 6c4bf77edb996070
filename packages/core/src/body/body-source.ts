import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { BodyTooLargeError } from '../errors.ts'
import { isRecord } from '../record.ts'
import { ownsChunks } from './chunk-loans.ts'
import { SMALL_BODY } from './replay-body.ts'
import { StreamedBody, type StreamedBodyOptions } from './streamed-body.ts'
import { WholeBody } from './whole-body.ts'

/** The sources of a body. */
export type BodyInput =
  | IncomingMessage
  | Readable
  | Request
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>
  | Uint8Array

/** The headers of an input. */
export interface DeclaredHeaders {
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly contentLength: number | undefined
}

/** What the body of any input needs. */
export type BodyOptions = Pick<StreamedBodyOptions, 'maxSize' | 'store'>

/**
 * Creates a body from any input.
 *
 * @throws {BodyTooLargeError} if the input is bytes and exceeds `maxSize`.
 */
export function toReplayBody(input: BodyInput, options: BodyOptions): WholeBody | StreamedBody {
  if (!(input instanceof Uint8Array)) return streamBody(input, options)
  if (input.length > options.maxSize) throw new BodyTooLargeError(options.maxSize)
  return new WholeBody(Buffer.from(input.buffer, input.byteOffset, input.length), undefined)
}

/** Like {@link toReplayBody}, but waits for the first chunk of a small request, which usually is the whole body. */
export async function openBody(input: BodyInput, options: BodyOptions): Promise<WholeBody | StreamedBody> {
  if (!(input instanceof IncomingMessage) || input.destroyed || input.readableEnded)
    return toReplayBody(input, options)
  const { contentLength = 0 } = declaredHeaders(input)
  if (contentLength === 0 || contentLength > Math.min(SMALL_BODY, options.maxSize))
    return streamBody(input, options)
  return new Promise((resolve) => {
    const open = (chunk?: unknown) => {
      input.off('data', open).off('end', onEnd).off('error', onEnd).off('close', onEnd)
      const isWhole = Buffer.isBuffer(chunk) && chunk.length === contentLength
      const whole = isWhole ? WholeBody.inMemory(chunk, options.store) : undefined
      resolve(whole ?? streamBody(input, options, chunk))
    }
    const onEnd = () => open()
    input.on('data', open).on('end', onEnd).on('error', onEnd).on('close', onEnd).resume()
  })
}

type StreamInput = Exclude<BodyInput, Uint8Array>

/** @param first A chunk that was already read from the input. */
export function streamBody(input: StreamInput, options: BodyOptions, first?: unknown): StreamedBody {
  if (!(input instanceof IncomingMessage)) return new StreamedBody(toReadable(input), options, true)
  // Node's HTTP parser enforces the declared length.
  const exactSize = declaredHeaders(input).contentLength
  return new StreamedBody(input, { ...options, exactSize, owned: ownsChunks(input), first }, false)
}

/** Reads the headers of a Node or web request. */
export function declaredHeaders(input: BodyInput): DeclaredHeaders {
  const header = headerLookup(input)
  const length = header('content-length')
  return {
    contentType: header('content-type'),
    contentEncoding: header('content-encoding'),
    contentLength: length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined,
  }
}

type Header = 'content-type' | 'content-encoding' | 'content-length'

function headerLookup(input: BodyInput): (name: Header) => string | undefined {
  // Any Readable with Node's headers: mocks and HTTP/2's compatibility requests have them.
  if (input instanceof Readable && 'headers' in input && isRecord(input.headers)) {
    const { headers } = input
    return (name) => {
      const value = headers[name]
      return typeof value === 'string' ? value : undefined
    }
  }
  if (isWebRequest(input)) return (name) => input.headers.get(name) ?? undefined
  return () => undefined
}

function toReadable(input: Exclude<StreamInput, IncomingMessage>): Readable {
  if (input instanceof Readable) return input
  if (isWebRequest(input)) {
    return input.body === null ? Readable.from([]) : fromWeb(input.body)
  }
  if (input instanceof ReadableStream) return fromWeb(input)
  if (Symbol.asyncIterator in input || Symbol.iterator in input)
    return Readable.from(input, { objectMode: false })
  throw new TypeError(
    'classifyPredictRequest() takes a request, a byte stream, an iterable of bytes or a Uint8Array.',
  )
}

function fromWeb(stream: ReadableStream<Uint8Array>): Readable {
  // The DOM's and Node's declarations of the same class differ.
  return Readable.fromWeb(stream as unknown as NodeReadableStream<Uint8Array>)
}

function isWebRequest(input: BodyInput): input is Request {
  return (
    typeof input === 'object' && 'body' in input && 'headers' in input && input.headers instanceof Headers
  )
}
