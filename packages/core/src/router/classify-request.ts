import type { IncomingMessage } from 'node:http'
import { toError } from '../call-safely.ts'
import type { ClassifiedRequest } from '../classify/classify-predict-request.ts'
import { BodyConsumedError, RouterError, UnclassifiedError } from '../errors.ts'
import type { ResolvedExchangeOptions } from './exchange-options.ts'
import { endOf, type RequestTrace } from './tracing.ts'

/** What is known about a request when it begins. */
export interface ClassifiedExchange extends ClassifiedRequest {
  /** Length of the body that an earlier middleware kept, if it did. */
  readonly keptLength: number | undefined
  /** For a part of another request: when that needs the head of an answer. A part gets no heartbeats. */
  readonly headBy?: number | undefined
}

/**
 * Classifies a request that an earlier middleware may have read.
 *
 * @param trace Ended when it cannot go on.
 * @throws {RouterError} when it cannot go on.
 */
export async function classifyRequest(
  req: IncomingMessage,
  { maxBodySize, onUnclassified, classifier, store }: ResolvedExchangeOptions,
  trace?: RequestTrace,
): Promise<ClassifiedExchange> {
  try {
    const { 'transfer-encoding': codings, 'content-type': contentType } = req.headers
    if (codings !== undefined) refuseTransferCodings(codings)
    // The raw bytes that an earlier middleware read and kept: `express.raw()` in `body`, others in `rawBody`.
    const kept = [Reflect.get(req, 'rawBody'), Reflect.get(req, 'body')].find(
      (value: unknown): value is Uint8Array => value instanceof Uint8Array,
    )
    if (kept === undefined && (req.readableDidRead || req.readableEnded))
      throw new BodyConsumedError(culprit(req))
    const declared = kept === undefined || contentType === undefined ? {} : { contentType }
    const options = { maxBodySize, ...declared }
    const { classification, body } = await classifier.classify(kept ?? req, options, store)
    if (!classification.classified && onUnclassified === 'reject') {
      body.destroy()
      throw new UnclassifiedError(classification.reason)
    }
    return { classification, body, keptLength: kept?.length }
  } catch (error) {
    trace?.end(endOf(undefined, 0, toError(error)))
    throw error
  }
}

/** The middleware that read the body, by the members that the usual ones set. */
function culprit(req: IncomingMessage): string {
  const has = (key: string) => Reflect.get(req, key) !== undefined
  if (has('files') || has('file'))
    return 'one that parses uploads, such as multer, express-fileupload or koa-body'
  if (has('body')) return 'a body parser, such as express.json(), express.urlencoded() or a multipart parser'
  return 'one that reads request bodies'
}

/**
 * Refuses a transfer coding other than `chunked`, the only one that Node decodes: forwarded as it is, the backend would read
 * the encoded bytes as the body (RFC 9112 section 6.1).
 */
function refuseTransferCodings(value: string): void {
  const codings = value.split(',').flatMap((coding) => coding.trim().toLowerCase() || [])
  if (codings.length === 1 && codings[0] === 'chunked') return
  throw new RouterError(
    'unsupported-transfer-coding',
    `The request body has the Transfer-Encoding "${value}". Send it with Content-Length, or with "chunked" alone.`,
  )
}
