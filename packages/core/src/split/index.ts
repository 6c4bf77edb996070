/**
 * Splits a request with several tasks over backends of which none serves all.
 *
 * @module core/split
 */

export { explainSplit } from './explain-split.ts'
export { splitRequests } from './split-requests.ts'
