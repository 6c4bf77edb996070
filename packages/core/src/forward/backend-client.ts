import { Backend } from '../backend/backend.ts'
import { toError } from '../call-safely.ts'
import { canaryBody } from '../canary/canary-body.ts'
import type { CanaryJob } from '../canary/canary-job.ts'
import type { RouterConfig } from '../config/policy.ts'
import { resolveConfig } from '../config/resolve.ts'
import { type AnswerClasses, resolveAnswerClasses } from '../judge/answer-classes.ts'
import type { BackendAnswer } from '../judge/backend-answer.ts'
import { judge, probeProblem } from '../judge/judge.ts'
import type { Verdict } from '../judge/verdict.ts'
import { namesIn } from './answer.ts'
import { Dispatchers } from './dispatchers.ts'
import { requestAnswer } from './request-answer.ts'
import { tlsErrorOf } from './tls-errors.ts'

/** A job to ask a backend for. */
export type ClientJob = Pick<CanaryJob, 'entries' | 'input' | 'sample'>

/** Bytes of an answer that are read: far more than the result of a small image. */
const ANSWER_MEMORY = 1024 * 1024

/**
 * Sends single requests to one backend of a configuration, with its headers, credentials and TLS settings, but without a
 * router: no retry on another backend, no queue, no health. For tools that find out what a backend can do.
 *
 * @example
 * ```ts
 * import { BackendClient } from '@immich-ml-router/core/parts'
 *
 * const client = new BackendClient({ backends: { gpu: { url: 'http://gpu:3003' } } }, 'gpu')
 * const answer = await client.get('/ping', AbortSignal.timeout(2_000))
 * console.log(answer.status, client.probeProblem(answer))
 * await client.close()
 * ```
 */
export class BackendClient {
  readonly name: string
  /** The base URL, without credentials. */
  readonly url: string
  /** Path of the health probe below the base URL; `undefined` if probes are turned off. */
  readonly probePath: string | undefined
  readonly #backend: Backend
  readonly #classes: AnswerClasses
  readonly #dispatchers = new Dispatchers({})

  /**
   * @param config A valid configuration. Nothing is connected yet.
   * @param name The name of the backend.
   * @throws {ConfigError} with every mistake in the configuration.
   * @throws {RangeError} if no backend has this name.
   */
  constructor(config: RouterConfig, name: string) {
    const { policy, forward } = resolveConfig(config)
    const settings = policy.backends.get(name)
    if (settings === undefined) throw new RangeError(`"${name}" is not a backend of the configuration.`)
    const { url, headers, tls, weight, connectTimeout, check } = settings
    this.#backend = new Backend(name, { url, headers, tls, weight, connectTimeout })
    this.#classes = resolveAnswerClasses(forward.answers)
    this.name = name
    this.url = this.#backend.url
    this.probePath = check?.path
  }

  /**
   * Sends a GET request.
   *
   * @param path A path below the base URL, such as `/ping`.
   * @throws {TlsError} if the TLS handshake failed, with the remedy.
   * @throws {Error} if there is no complete answer; `code` names the reason, such as `ECONNREFUSED`.
   */
  get(path: string, signal: AbortSignal): Promise<BackendAnswer> {
    const base = new URL(this.url).pathname.replace(/\/$/, '')
    return this.#request('GET', `${base}${path}`, signal)
  }

  /** Why an answer to a health probe means that the backend is unhealthy, with the remedy if one is known. */
  probeProblem(answer: BackendAnswer): string | undefined {
    return probeProblem(answer, this.name)
  }

  /**
   * Asks for a job on its sample, or else on a built-in input: a word, or a drawing of 96 x 72 pixels with no face and no text
   * in it.
   *
   * @returns The answer and what the router would make of it.
   * @throws like {@link BackendClient.get}.
   */
  async predict(
    { entries, input, sample }: ClientJob,
    signal: AbortSignal,
  ): Promise<{ readonly answer: BackendAnswer; readonly verdict: Verdict }> {
    const job = { key: '', exact: '', entries, input, headers: {} }
    const { body, contentType } = await canaryBody(job, sample)
    const headers = { 'content-type': contentType, 'accept-encoding': 'identity' }
    const answer = await this.#request('POST', this.#backend.target.path, signal, headers, body)
    const asked = {
      backend: this.name,
      tasks: [...new Set(entries.map(({ task }) => task))],
      names: () => namesIn(entries),
      written: () => '',
    }
    return { answer, verdict: judge(answer, asked, this.#classes) }
  }

  /** Closes every connection, running requests included. */
  close(): Promise<void> {
    return this.#dispatchers.destroy()
  }

  async #request(
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
    body?: Buffer,
  ): Promise<BackendAnswer> {
    const request = {
      method,
      path,
      signal,
      headers: { ...headers, ...this.#backend.target.headers() },
      ...(body === undefined ? {} : { body }),
    }
    try {
      return await requestAnswer(this.#dispatchers.for(this.#backend), request, ANSWER_MEMORY)
    } catch (error) {
      throw tlsErrorOf(error) ?? toError(error)
    }
  }
}
