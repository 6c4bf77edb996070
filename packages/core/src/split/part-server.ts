import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import { decode } from '../forward/answer.ts'
import { RouterError } from '../parts.ts'
import type { ClassifiedExchange } from '../router/classify-request.ts'
import type { RouterSteps } from '../router/steps.ts'

/** The answer to a part. */
export interface PartAnswer {
  readonly status: number
  readonly statusText: string | undefined
  readonly headers: http.IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** A part that was sent. */
export interface SentPart {
  /** Resolves when it has a lease, or needs none. */
  readonly leased: Promise<void>
  /** Rejects with what the router would have answered with, or when the answer breaks off. */
  readonly answer: Promise<PartAnswer>
  /** Ends it: its lease is released. */
  end(): void
}

/** What a part takes over from its request. */
export interface PartOrigin {
  readonly req: IncomingMessage
  /** The address of the client. */
  readonly client: string | undefined
}

/** Most bytes of an answer, 16 MiB. The largest of Immich's have some hundred KiB. */
const MOST_ANSWER = 16 * 1024 * 1024

/** Bytes of the headers of an answer: those of a backend, of which Node takes 16 KB, and the router's own. */
const MOST_HEADERS = 64 * 1024

/** Sends parts of requests through the router that has the request, on connections in memory. */
export class PartServer {
  readonly #router: RouterSteps
  readonly #handlers = new WeakMap<Duplex, http.RequestListener>()
  /** Never listens. */
  readonly #server = http.createServer((req, res) => this.#handlers.get(req.socket)?.(req, res))

  constructor(router: RouterSteps) {
    this.#router = router
  }

  /** Sends the request with another job and body. */
  send({ req: origin, client }: PartOrigin, known: ClassifiedExchange): SentPart {
    const [near, far] = duplexPair()
    const leased = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<PartAnswer>()
    // Where the router looks for the address of a client.
    Object.assign(far, { remoteAddress: client })
    this.#handlers.set(far, (req, res) => {
      const { url, headers } = origin
      Object.assign(req, { url, headers: { ...headers }, originalUrl: Reflect.get(origin, 'originalUrl') })
      this.#forward(req, res, known, leased.resolve).catch((error) => {
        answer.reject(error)
        res.destroy()
      })
    })
    this.#server.emit('connection', far)
    http
      .request({ method: 'POST', createConnection: () => near, maxHeaderSize: MOST_HEADERS })
      .on('error', answer.reject)
      .on('response', (response) => read(response).then(answer.resolve, answer.reject))
      .end()
    const end = () => {
      far.destroy()
      near.destroy()
      known.body.destroy()
    }
    return { leased: leased.promise, answer: answer.promise, end }
  }

  async #forward(
    req: IncomingMessage,
    res: ServerResponse,
    known: ClassifiedExchange,
    onLease: () => void,
  ): Promise<void> {
    const exchange = await this.#router.classify(req, res, known)
    // A reload has changed the path.
    if (exchange === undefined) throw new RouterError('not-found', 'Not Found')
    const lease = await this.#router.select(exchange)
    onLease()
    if (lease !== undefined) await this.#router.forward(exchange)
  }
}

async function read(response: IncomingMessage): Promise<PartAnswer> {
  const { statusCode: status = 0, statusMessage: statusText, headers, rawHeaders } = response
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MOST_ANSWER)
      throw new RouterError('backend-failed', `The answer to a part is larger than ${MOST_ANSWER} bytes.`)
  }
  return { status, statusText, headers, rawHeaders, body: Buffer.concat(chunks) }
}

/** The body of an answer without its content coding; `undefined` when that cannot be undone. */
export function plainBody({ headers, body }: PartAnswer): Buffer | undefined {
  const { 'content-encoding': coding = 'identity' } = headers
  return coding === 'identity' ? body : decode(body, coding.toLowerCase(), MOST_ANSWER)
}
