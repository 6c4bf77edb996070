import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { isRecord } from '../record.ts'
import { ownsChunks } from './chunk-loans.ts'
import { ReplayBody, type ReplayBodyOptions } from './replay-body.ts'

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

/** Creates a body from any input. */
export function toReplayBody(input: BodyInput, options: ReplayBodyOptions): ReplayBody {
  if (input instanceof IncomingMessage) {
    // Node's HTTP parser enforces the declared length.
    const exactSize = declaredHeaders(input).contentLength
    return new ReplayBody(input, { ...options, exactSize, owned: ownsChunks(input) }, false)
  }
  return new ReplayBody(toReadable(input), { ...options, borrowed: input instanceof Uint8Array }, true)
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

function toReadable(input: Exclude<BodyInput, IncomingMessage>): Readable {
  if (input instanceof Readable) return input
  if (input instanceof Uint8Array) return Readable.from([input], { objectMode: false })
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
