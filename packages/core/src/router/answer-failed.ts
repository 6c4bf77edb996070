import type { Outcome } from '../backend/outcome.ts'
import type { ForwardRequest, KeptAnswer } from '../forward/forward-request.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import { failureOf } from '../retry/failure.ts'
import type { RetryResult } from '../retry/run.ts'
import { answerError } from './answers.ts'
import type { AttemptLog } from './attempt-log.ts'
import type { SearchAnswer } from './search-answer.ts'

/** A request whose attempts all failed. */
interface FailedRequest {
  readonly forwarder: Forwarder
  readonly request: ForwardRequest
  readonly attempts: AttemptLog
  readonly saved: SearchAnswer | undefined
}

/**
 * No good answer came: the client gets a saved one, the best one that came, or an error of the router.
 *
 * @param onFail Called with the router's error before the client gets it.
 */
export async function answerFailed(
  { forwarder, request, attempts, saved }: FailedRequest,
  { outcome, best, budgetExhausted }: RetryResult<KeptAnswer>,
  onFail: (error: Error) => void,
): Promise<Outcome> {
  const { res, heartbeat } = request
  const failure = failureOf(attempts.all, budgetExhausted)
  if (saved?.mends(failure) === true) {
    await saved.give(request, heartbeat)
    return outcome
  }
  if (best?.answer !== undefined && heartbeat?.begun !== true) {
    heartbeat?.stop()
    const { record, answer } = { ...best, answer: best.answer }
    const delivered = await attempts.deliver(record, res, (onEnd) =>
      forwarder.deliver(request, answer, record.backend, onEnd),
    )
    if (delivered !== undefined) return delivered
  }
  if (failure === undefined) return outcome
  heartbeat?.cut()
  onFail(failure)
  await answerError(res, failure)
  return outcome
}
