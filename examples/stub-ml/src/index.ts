export { Listener, type ListenerOptions } from './listener.ts'
export { type Fault, type ReceivedRequest, StubMl, type StubOptions } from './stub-ml.ts'
