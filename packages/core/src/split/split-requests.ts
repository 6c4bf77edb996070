import type { ServerResponse } from 'node:http'
import type { Classified } from '../classify/classification.ts'
import { ROUTE_HEADER } from '../forward/headers.ts'
import { type AnswerHead, type OwnHeader, ResponseWriter } from '../forward/response-writer.ts'
import { ClientLeftError, defaults, HoldError, type Router, RouterError, shorten } from '../parts.ts'
import type { SplitRequest, Splitter } from '../router/splitter.ts'
import { explainSplit, partOf } from './explain-split.ts'
import { mergeAnswers } from './merge-answers.ts'
import { PartBody, readEntries, type WrittenEntries } from './part-body.ts'
import { type PartAnswer, PartServer, plainBody, type SentPart } from './part-server.ts'
import { UploadTurns } from './upload-turns.ts'

/**
 * Answers requests with several tasks that no single backend of their route serves: each task goes through the router as a request
 * of its own, and the answers are merged. It needs no option, follows reloads, and ends when the router closes.
 *
 * @returns Ends it: such requests get 503 again.
 *
 * @example
 * ```ts
 * import { createRouter } from '@immich-ml-router/core'
 * import { splitRequests } from '@immich-ml-router/core/split'
 *
 * const router = createRouter({
 *   backends: {
 *     gpu: { url: 'http://gpu:3003', tasks: ['clip'] },
 *     nas: { url: 'http://nas:3003', tasks: ['facial-recognition', 'ocr'] },
 *   },
 * })
 * splitRequests(router)
 * ```
 */
export function splitRequests(router: Router): () => void {
  const ends = [
    router.modules.attach({ splitter: new TaskSplitter(router) }),
    router.on('close', () => end()),
  ]
  const end = () => {
    for (const stop of ends) stop()
  }
  return end
}

type SplitRouter = Pick<Router, 'classify' | 'select' | 'forward' | 'modules'>
type AnsweredTask = readonly [task: string, answer: PartAnswer]

class TaskSplitter implements Splitter {
  readonly explain = explainSplit
  readonly #router: SplitRouter
  readonly #server: PartServer
  readonly #turns = new UploadTurns()

  constructor(router: SplitRouter) {
    this.#router = router
    this.#server = new PartServer(router)
  }

  async split(request: SplitRequest): Promise<boolean> {
    const { exchange, select, head } = request
    const { req, res, body, classification } = exchange
    const { decision } = explainSplit(select, classification, { request: head })
    if (!classification.classified || decision.kind !== 'split') return false
    const { limits, backendHeader } = this.#router.modules.config()
    if (res.hasHeader(ROUTE_HEADER)) res.setHeader(ROUTE_HEADER, `split; ${decision.parts.length} tasks`)
    const left = leaving(res)
    const turn = this.#turnOf(request)
    try {
      await Promise.race([left.promise, turn])
      body.retain(request.store)
      const reading = readEntries(body, req.headers['content-type'], classification.tasks, limits)
      const written = await Promise.race([left.promise, reading])
      if (written === undefined) return false
      if (!body.retained) throw new HoldError('hold-full', NO_ROOM)
      exchange.parts = written.byTask.size
      const given = await this.#collect(request, classification, written, left.promise).then(
        (answers) => merged(answers, backendHeader),
        failed,
      )
      body.destroy()
      await give(request, given, left.promise)
      return true
    } finally {
      left.cancel()
      // A client that left before its turn still has one.
      turn?.then((end) => end())
    }
  }

  /** Where bodies cannot go to disk, the request waits for room for its whole body. */
  #turnOf({ store, exchange: { req } }: SplitRequest): Promise<() => void> | undefined {
    if (store.disk.available) return undefined
    const declared = Number(req.headers['content-length'])
    // What a body takes besides its own bytes counts as well.
    const most = store.total / 2
    return this.#turns.enter(Number.isFinite(declared) ? declared : most, most)
  }

  /** The answers to all tasks, in their order. @throws what fails first; then no task has a lease any more. */
  async #collect(
    { exchange: { req, body }, headBy, head: { client } }: SplitRequest,
    classification: Classified,
    written: WrittenEntries,
    left: Promise<never>,
  ): Promise<readonly AnsweredTask[]> {
    const sent: SentPart[] = []
    const answers: Promise<AnsweredTask>[] = []
    let unreleased = written.byTask.size
    const onRelease = () => {
      if (--unreleased === 0) body.release()
    }
    try {
      for (const [task, entries] of written.byTask) {
        const part = new PartBody(body, written, entries, onRelease)
        const job = partOf(classification, task)
        const known = { classification: job, body: part, keptLength: part.size, headBy }
        const running = this.#server.send({ req, client }, known)
        sent.push(running)
        answers.push(running.answer.then((answer) => [task, good(answer)]))
        // The next one takes its lease after this one. Those with a lease go on, so no lease is idle.
        await Promise.race([left, running.leased, Promise.all(answers)])
      }
      return await Promise.race([left, Promise.all(answers)])
    } finally {
      for (const part of sent) part.end()
    }
  }
}

const NO_ROOM = 'The request body fits neither in memory nor on disk, so it cannot be split; set bodySpool.'

/** A task has an answer that fails the request. */
class TaskFailed extends Error {
  readonly answer: PartAnswer

  constructor(answer: PartAnswer) {
    super(`A task of the request failed with ${answer.status}.`)
    this.answer = answer
  }
}

function good(answer: PartAnswer): PartAnswer {
  if (answer.status < 200 || answer.status > 299) throw new TaskFailed(answer)
  return answer
}

/** What the client gets. */
interface Given {
  readonly head: AnswerHead
  readonly body: Buffer
  readonly added: readonly OwnHeader[]
}

function failed(error: unknown): Given {
  if (!(error instanceof TaskFailed)) throw error
  return { head: error.answer, body: error.answer.body, added: [] }
}

/** @throws {RouterError} when the answers cannot be merged. */
function merged(
  answers: readonly AnsweredTask[],
  backendHeader: string | false = 'x-immich-ml-backend',
): Given {
  const body = mergeAnswers(answers.map(([task, answer]) => ({ task, body: plainBody(answer) })))
  if (body === undefined)
    throw new RouterError('backend-failed', 'The answers to the tasks cannot be merged.')
  const valuesOf = (name: string) => answers.flatMap(([, { headers }]) => headers[name] ?? [])
  const backends = backendHeader === false ? [] : [...new Set(valuesOf(backendHeader.toLowerCase()))]
  const routes = valuesOf(ROUTE_HEADER)
  const most = Math.floor(defaults.routeHeaderSize / answers.length)
  // Names of tasks come from clients.
  const ways = answers.map(([task], i) =>
    `${encodeURIComponent(shorten(task).toWellFormed())} ${routes[i]}`.slice(0, most),
  )
  const added: OwnHeader[] = []
  if (backendHeader !== false && backends.length > 0) added.push([backendHeader, backends.join(', ')])
  if (routes.length > 0) added.push([ROUTE_HEADER, `split; ${ways.join('; ')}`])
  const rawHeaders = ['content-type', 'application/json', 'content-length', String(body.length)]
  return { head: { status: 200, statusText: undefined, rawHeaders }, body, added }
}

/** @throws {RouterError} when the client has left, or has the status of another answer already. */
async function give(
  { exchange: { res }, heartbeat }: SplitRequest,
  { head, body, added }: Given,
  left: Promise<never>,
): Promise<void> {
  heartbeat?.stop()
  if (heartbeat?.begun === true && head.status !== 200)
    throw new RouterError('backend-failed', `A task failed with ${head.status}, after a heartbeat.`)
  const sent = new Promise<void>((resolve) => {
    new ResponseWriter(res, head, added).end(body, undefined, (error) => (error ? undefined : resolve()))
  })
  await Promise.race([left, sent])
}

/** Rejects when the client leaves. */
function leaving(res: ServerResponse): { readonly promise: Promise<never>; readonly cancel: () => void } {
  const { promise, reject } = Promise.withResolvers<never>()
  const onClose = () => reject(new ClientLeftError())
  promise.catch(() => {})
  if (res.destroyed) onClose()
  res.once('close', onClose)
  return { promise, cancel: () => res.off('close', onClose) }
}
