import type { Backend } from './backend.ts'

/** What routing, strategies and explanations see of a backend. */
export type BackendView = Backend
