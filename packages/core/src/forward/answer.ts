import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import type { Outcome } from '../backend/outcome.ts'
import type { Entry } from '../classify/classification.ts'
import type { AnswerClasses } from '../judge/answer-classes.ts'
import { judge } from '../judge/judge.ts'
import type { Verdict } from '../judge/verdict.ts'
import { isRecord } from '../record.ts'
import type { ForwardRequest, KeptAnswer } from './forward-request.ts'
import type { AnswerHead } from './response-writer.ts'

type ThinHeaders = Record<string, string | string[] | undefined>

interface Head extends AnswerHead {
  readonly headers: ThinHeaders
}

interface Context {
  /** Name of the backend. */
  readonly backend: string
  readonly request: Pick<ForwardRequest, 'classification' | 'body' | 'store'>
  readonly classes: AnswerClasses
  /** Most bytes that are kept. */
  readonly limit: number
}

/** Bytes of a request that are searched for what an error message repeats. */
const SEARCHED = 64 * 1024
/** Answers up to this size always have room: those of searches, and errors that belong to their job. */
const SMALL = 64 * 1024
const EMPTY = Buffer.alloc(0)

/**
 * A backend's answer, kept until it is judged, within the memory that all bodies share. The first chunk is kept as it is; what
 * follows is copied behind it, so an answer costs at most twice its bytes, however it is cut.
 */
export class Answer {
  readonly head: AnswerHead
  readonly headers: ThinHeaders
  readonly status: number
  readonly #context: Context
  readonly #coding: string
  /** Has the bytes at its start. */
  #memory: Buffer = EMPTY
  #size = 0
  /** Bytes that had arrived when it was last judged. */
  #judged = 0
  /** The decoded answer, once it is complete; its body is `undefined` when decoding failed. */
  #decoded: { readonly body: Buffer | undefined } | undefined

  constructor({ headers, ...head }: Head, context: Context) {
    this.head = head
    this.headers = headers
    this.status = head.status
    this.#context = context
    const coding = headers['content-encoding']
    this.#coding = typeof coding === 'string' && coding !== '' ? coding.toLowerCase() : 'identity'
  }

  /** The bytes that are kept, in one piece. */
  get bytes(): Buffer {
    return this.#memory.length === this.#size ? this.#memory : this.#memory.subarray(0, this.#size)
  }

  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300
  }

  /** Whether it has a content coding, such as gzip. */
  get isEncoded(): boolean {
    return this.#coding !== 'identity'
  }

  /** Whether enough has arrived since it was last judged: judging reads all of it again. */
  get isWorthJudging(): boolean {
    return this.#size * 8 >= this.#judged * 9
  }

  /** @returns Whether there was room for the chunk; an answer of which a part is missing can only be passed on. */
  add(chunk: Buffer): boolean {
    const { store } = this.#context.request
    const { limit } = this.#context
    const { length } = this.#memory
    const size = this.#size + chunk.length
    if (size > limit) return false
    const capacity =
      this.#size === 0 ? size : size <= length ? length : Math.min(limit, Math.max(size, 2 * length))
    const overhead = capacity - length - chunk.length
    if (size <= SMALL) store.overdraw(chunk.length, overhead)
    else if (!store.take(chunk.length, overhead)) return false
    if (this.#size === 0) this.#memory = chunk
    else {
      if (capacity > length) {
        const memory = Buffer.allocUnsafeSlow(capacity)
        memory.set(this.bytes)
        this.#memory = memory
      }
      this.#memory.set(chunk, this.#size)
    }
    this.#size = size
    return true
  }

  /**
   * @param complete Whether all of it has arrived.
   * @param next What has arrived after the kept bytes, and is not kept.
   */
  judge(complete: boolean, next: Buffer = EMPTY): Verdict {
    const { status, headers, bytes } = this
    const { backend, request, classes } = this.#context
    const { classification, body } = request
    this.#judged = this.#size
    let plain: Buffer | undefined = bytes
    if (this.isEncoded) plain = complete ? this.decoded : undefined
    const asked = {
      backend,
      // An answer that cannot be decoded is judged by its status and content type.
      tasks: plain === undefined ? [] : classification.tasks,
      names: () => namesIn(classification.entries),
      written: () => body.beginning(SEARCHED).toString('latin1'),
    }
    const kept = plain ?? bytes
    const begun = next.length === 0 ? kept : Buffer.concat([kept, next])
    return judge({ status, headers, body: begun, complete }, asked, classes)
  }

  /** The whole answer without its content coding; `undefined` when that cannot be undone. */
  get decoded(): Buffer | undefined {
    this.#decoded ??= { body: decode(this.bytes, this.#coding, this.#context.limit) }
    return this.#decoded.body
  }

  /** The outcome of an attempt whose answer is not given to the client, at least for now. */
  passedOver(verdict: Verdict): Outcome {
    return { kind: 'passed-over', status: this.status, verdict, reachedBackend: true, reachedClient: false }
  }

  keep(): KeptAnswer {
    return { ...this.head, body: this.bytes, release: () => this.release() }
  }

  /** Frees its memory. */
  release(): void {
    this.#context.request.store.release(this.#size, this.#memory.length - this.#size)
    this.#size = 0
    this.#memory = EMPTY
  }
}

const OPEN_BRACE = 0x7b
/** Stands for a damaged body; it is no JSON. */
const DAMAGED = Buffer.from('?')

type Decoder = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
])

/**
 * A complete answer without its content coding.
 *
 * @param limit Most bytes of the result.
 * @returns `undefined` when it is larger or the coding is unknown; {@link DAMAGED} when it is damaged.
 */
export function decode(bytes: Buffer, coding: string, limit: number): Buffer | undefined {
  const decoder = DECODERS.get(coding.trim())
  // What looks like JSON is not encoded, whatever the header says.
  if (decoder === undefined && bytes[0] === OPEN_BRACE) return bytes
  try {
    return decoder?.(bytes, { maxOutputLength: limit })
  } catch (error) {
    return Reflect.get(Object(error), 'code') === 'ERR_BUFFER_TOO_LARGE' ? undefined : DAMAGED
  }
}

/** Names and texts of a request's entries: an error message may repeat them without being about them. */
export function namesIn(entries: readonly Entry[]): string[] {
  return entries.flatMap(({ task, type, model, options }) => [task, type, model, ...textsIn(options, DEPTH)])
}

/** Immich's options contain no objects. */
const DEPTH = 3

function textsIn(value: unknown, depth: number): string[] {
  if (typeof value === 'string') return [value]
  if (depth === 0) return []
  if (Array.isArray(value)) return value.flatMap((item) => textsIn(item, depth - 1))
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsIn(item, depth - 1)])
}
