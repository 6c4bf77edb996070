export type { AnswerFault, Fault } from './faults.ts'
export { Listener, type ListenerOptions } from './listener.ts'
export { type KnownJobs, type RequestedJob, UNDECODABLE } from './predict.ts'
export { type ReceivedRequest, StubMl, type StubOptions } from './stub-ml.ts'
