import type { IncomingMessage } from 'node:http'
import type { ClassifiedRequest } from '../classify/classify-predict-request.ts'
import { UnclassifiedError } from '../errors.ts'
import type { ResolvedExchangeOptions } from './exchange-options.ts'
import { keptBody, refuseConsumedBody } from './kept-body.ts'
import { refuseTransferCodings } from './transfer-coding.ts'

/** What is known of a request as it begins. */
export interface ClassifiedExchange extends ClassifiedRequest {
  /** How many bytes an earlier middleware kept, if it did. */
  readonly keptLength: number | undefined
}

/**
 * Classifies a request that an earlier middleware may have read.
 *
 * @throws {RouterError} when it cannot go on.
 */
export async function classify(
  req: IncomingMessage,
  { maxBodySize, onUnclassified, classifier, store }: ResolvedExchangeOptions,
): Promise<ClassifiedExchange> {
  refuseTransferCodings(req)
  const kept = keptBody(req)
  if (kept === undefined) refuseConsumedBody(req)
  const contentType = req.headers['content-type']
  const declared = kept === undefined || contentType === undefined ? {} : { contentType }
  const { classification, body } = await classifier.classify(kept ?? req, { maxBodySize, ...declared }, store)
  if (!classification.classified && onUnclassified === 'reject') {
    body.destroy()
    throw new UnclassifiedError(classification.reason)
  }
  return { classification, body, keptLength: kept?.length }
}
