import { errors, type Pool } from 'undici'
import type { Backend } from '../backend/backend.ts'
import { toError } from '../call-safely.ts'
import { type CanaryResult, UNKNOWN } from '../canary/canary.ts'
import type { CanaryJob } from '../canary/canary-job.ts'
import type { Sample } from '../canary/samples.ts'
import type { Clock } from '../clock.ts'
import type { AnswerClasses } from '../judge/answer-classes.ts'
import type { BackendAnswer } from '../judge/backend-answer.ts'
import { judge } from '../judge/judge.ts'
import { namesIn } from './answer.ts'
import { type HeaderRecord, requestHeaders, withOwnHeaders } from './headers.ts'
import { requestAnswer } from './request-answer.ts'
import { tlsErrorOf } from './tls-errors.ts'

export interface CanaryOptions {
  readonly clock: Clock
  readonly dispatcher: Pool
  /** Headers that the user's proxy options add. */
  readonly headers: HeaderRecord
  /** Private headers of the client to pass on. */
  readonly passed: ReadonlySet<string>
  readonly classes: AnswerClasses
  /** Bytes of an answer that are read. */
  readonly answerMemory: number
  /** Time to answer, in milliseconds. */
  readonly timeout: number
  readonly signal: AbortSignal
}

/** Sends a canary to a backend and judges its answer like that of a client's request. It never rejects. */
export async function sendCanary(
  backend: Backend,
  job: CanaryJob,
  body: Sample,
  options: CanaryOptions,
): Promise<CanaryResult> {
  const { clock, timeout, signal } = options
  const late = new AbortController()
  const cancel = clock.after(timeout, () => late.abort())
  const either = AbortSignal.any([signal, late.signal])
  try {
    const answer = await answerTo(backend, job, body, { ...options, signal: either })
    return resultOf(answer, backend, job, options.classes)
  } catch (error) {
    if (signal.aborted) return UNKNOWN
    if (late.signal.aborted) return { kind: 'failed', scope: 'type', reason: `no answer in ${timeout} ms` }
    return failure(toError(error))
  } finally {
    cancel()
  }
}

function answerTo(
  backend: Backend,
  job: CanaryJob,
  { body, contentType }: Sample,
  { dispatcher, headers, passed, answerMemory, signal }: CanaryOptions,
): Promise<BackendAnswer> {
  const { 'content-length': _, 'content-encoding': __, ...client } = requestHeaders(job.headers, passed)
  const own = withOwnHeaders(
    { ...client, 'content-type': contentType, 'accept-encoding': 'identity' },
    headers,
  )
  const request = {
    path: backend.target.path,
    method: 'POST',
    headers: withOwnHeaders(own, backend.target.headers()),
    body,
    signal,
  } as const
  return requestAnswer(dispatcher, request, answerMemory)
}

function resultOf(
  answer: BackendAnswer,
  { name }: Backend,
  { entries, onAnswer }: CanaryJob,
  classes: AnswerClasses,
): CanaryResult {
  const tasks = [...new Set(entries.map(({ task }) => task))]
  // Its text is not the client's, so nothing of it can be in an error message.
  const verdict = judge(
    answer,
    { backend: name, tasks, names: () => namesIn(entries), written: () => '' },
    classes,
  )
  if (verdict.kind === 'good') {
    onAnswer?.(answer.body)
    return { kind: 'passed' }
  }
  // A proxy that refuses the size says nothing about the backend either.
  if (verdict.kind === 'busy' || verdict.kind === 'too-large') return UNKNOWN
  const scope = verdict.kind === 'fault' ? verdict.scope : 'type'
  return { kind: 'failed', scope, reason: verdict.reason }
}

function failure(error: Error): CanaryResult {
  const refused = tlsErrorOf(error)
  const code: unknown = Reflect.get(error, 'code')
  const reason = refused?.message ?? (typeof code === 'string' ? code : error.message)
  const isConnected = refused === undefined && !isConnectError(error)
  return { kind: 'failed', scope: isConnected ? 'type' : 'unreachable', reason }
}

function isConnectError(error: Error): boolean {
  return error instanceof errors.ConnectTimeoutError || Reflect.get(error, 'syscall') === 'connect'
}
