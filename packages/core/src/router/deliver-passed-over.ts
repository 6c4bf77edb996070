import type { Outcome } from '../backend/outcome.ts'
import type { ForwardRequest, KeptAnswer } from '../forward/forward-request.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { AttemptLog } from './attempt-log.ts'

/**
 * Gives the client an answer that was passed over, since there is no better one. The log has it as the answer that was given
 * before the response ends, unless the client leaves before it has all of it.
 *
 * @returns The outcome; `undefined` when the client has not got all of it.
 */
export async function deliverPassedOver(
  forwarder: Forwarder,
  request: ForwardRequest,
  { record, answer }: { readonly record: AttemptRecord; readonly answer: KeptAnswer },
  log: AttemptLog,
): Promise<Outcome | undefined> {
  const { res } = request
  let delivered: ReturnType<AttemptLog['delivered']> | undefined
  const onClose = () => {
    if (!res.writableFinished) delivered?.undo()
  }
  const isWhole = await forwarder.deliver(request, answer, record.backend, () => {
    delivered = log.delivered(record)
    res.prependOnceListener('close', onClose)
  })
  if (isWhole) return delivered?.outcome
  delivered?.undo()
  return undefined
}
