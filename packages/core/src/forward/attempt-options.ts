import type { Dispatcher } from 'undici'
import type { ReplayReader } from '../body/body-reader.ts'
import type { Clock } from '../clock.ts'
import type { AnswerClasses } from '../judge/answer-classes.ts'
import type { AttemptPlan, ForwardRequest } from './forward-request.ts'
import type { OwnHeader } from './response-writer.ts'

/** What an attempt is made of. */
export interface AttemptOptions {
  readonly plan: AttemptPlan
  readonly clock: Clock
  readonly dispatcher: Dispatcher
  /** The whole body, or a stream of it. */
  readonly body: ReplayReader | Buffer
  readonly request: ForwardRequest
  /** What statuses mean. */
  readonly classes: AnswerClasses
  /** Most bytes of an answer that are kept until it is judged. */
  readonly answerMemory: number
  /** A header to add to the response. */
  readonly responseHeader: OwnHeader | undefined
}
