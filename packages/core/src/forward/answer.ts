import type { Outcome } from '../backend/outcome.ts'
import type { AnswerClasses } from '../judge/answer-classes.ts'
import type { Asked } from '../judge/backend-answer.ts'
import { judge } from '../judge/judge.ts'
import type { Verdict } from '../judge/verdict.ts'
import { AnswerBuffer, decoded } from './answer-buffer.ts'
import type { ForwardRequest, KeptAnswer } from './forward-request.ts'
import type { AnswerHead } from './response-writer.ts'
import { namesIn } from './written.ts'

export type ThinHeaders = Record<string, string | string[] | undefined>

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
const WRITTEN = 64 * 1024

const NOTHING = Buffer.alloc(0)

/** A backend's answer, kept until it is judged. */
export class Answer {
  readonly head: AnswerHead
  readonly headers: ThinHeaders
  readonly status: number
  readonly #context: Context
  readonly #buffer: AnswerBuffer
  readonly #coding: string
  /** Bytes that there were when it was judged last. */
  #judged = 0
  /** Once the whole answer has been decoded: `undefined` where that failed. */
  #decoded: { readonly body: Buffer | undefined } | undefined

  constructor({ headers, ...head }: Head, context: Context) {
    this.head = head
    this.headers = headers
    this.status = head.status
    this.#context = context
    this.#buffer = new AnswerBuffer(context.request.store, context.limit)
    const coding = headers['content-encoding']
    this.#coding = typeof coding === 'string' && coding !== '' ? coding.toLowerCase() : 'identity'
  }

  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300
  }

  /** @returns Whether there was room for it; an answer of which a part is missing can only be passed on. */
  add(chunk: Buffer): boolean {
    return this.#buffer.add(chunk)
  }

  /** Whether so much has come since it was judged that judging it again, which reads all of it, costs little for each byte. */
  get isWorthJudging(): boolean {
    return this.#buffer.bytes.length * 8 >= this.#judged * 9
  }

  /**
   * @param complete Whether all of it has come.
   * @param next What has come after the kept bytes, and is not kept.
   */
  judge(complete: boolean, next: Buffer = NOTHING): Verdict {
    const { status, headers } = this
    const { backend, request, classes } = this.#context
    const { classification, body } = request
    this.#judged = this.#buffer.bytes.length
    const plain = this.#plain(complete)
    const asked: Asked = {
      backend,
      // What cannot be read is judged by its status and content type.
      tasks: plain === undefined ? [] : classification.tasks,
      names: () => namesIn(classification.entries),
      written: () => body.beginning(WRITTEN).toString('latin1'),
    }
    const kept = plain ?? this.#buffer.bytes
    const begun = next.length === 0 ? kept : Buffer.concat([kept, next])
    return judge({ status, headers, body: begun, complete }, asked, classes)
  }

  /** Without its coding; `undefined` when that cannot be undone. */
  #plain(complete: boolean): Buffer | undefined {
    if (this.#coding === 'identity') return this.#buffer.bytes
    if (!complete) return undefined
    this.#decoded ??= { body: decoded(this.#buffer.bytes, this.#coding, this.#context.limit) }
    return this.#decoded.body
  }

  /** Whether it has a content coding, such as gzip. */
  get isEncoded(): boolean {
    return this.#coding !== 'identity'
  }

  /**
   * What the client gets. After a heartbeat, which has said nothing of a content coding, it is without one.
   *
   * @returns `undefined` when the coding cannot be undone.
   */
  bodyFor(hasHeartbeat: boolean): Buffer | undefined {
    return hasHeartbeat ? this.#plain(true) : this.#buffer.bytes
  }

  /** It is not given to the client, at least for now. */
  passedOver(verdict: Verdict): Outcome {
    return { kind: 'passed-over', status: this.status, verdict, reachedBackend: true, reachedClient: false }
  }

  keep(): KeptAnswer {
    return { ...this.head, body: this.#buffer.bytes, release: () => this.release() }
  }

  /** Ends the use of its memory. */
  release(): void {
    this.#buffer.release()
  }
}
