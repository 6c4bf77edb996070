import type { IncomingMessage } from 'node:http'
import type { ClassifiedRequest } from '../classify/classify-predict-request.ts'
import { BodyConsumedError, RouterError, UnclassifiedError } from '../errors.ts'
import type { ResolvedExchangeOptions } from './exchange-options.ts'

/** What is known about a request when it begins. */
export interface ClassifiedExchange extends ClassifiedRequest {
  /** Length of the body that an earlier middleware kept, if it did. */
  readonly keptLength: number | undefined
}

/**
 * Classifies a request that an earlier middleware may have read.
 *
 * @throws {RouterError} when it cannot go on.
 */
export async function classifyRequest(
  req: IncomingMessage,
  { maxBodySize, onUnclassified, classifier, store }: ResolvedExchangeOptions,
): Promise<ClassifiedExchange> {
  const { 'transfer-encoding': codings, 'content-type': contentType } = req.headers
  if (codings !== undefined) refuseTransferCodings(codings)
  // The raw bytes that an earlier middleware read and kept: `express.raw()` in `body`, others in `rawBody`.
  const kept = [Reflect.get(req, 'rawBody'), Reflect.get(req, 'body')].find(
    (value: unknown): value is Uint8Array => value instanceof Uint8Array,
  )
  if (kept === undefined && (req.readableDidRead || req.readableEnded))
    throw new BodyConsumedError(culprit(req))
  const declared = kept === undefined || contentType === undefined ? {} : { contentType }
  const { classification, body } = await classifier.classify(kept ?? req, { maxBodySize, ...declared }, store)
  if (!classification.classified && onUnclassified === 'reject') {
    body.destroy()
    throw new UnclassifiedError(classification.reason)
  }
  return { classification, body, keptLength: kept?.length }
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
