export { type Fault, type ReceivedRequest, StubMl, type StubOptions } from './stub-ml.ts'
