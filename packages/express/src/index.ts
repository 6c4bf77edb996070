/**
 * Middleware for Express 4 and 5.
 *
 * @module express
 */

export type { ImmichMlMiddleware, ImmichMlState, Middleware } from './middleware.ts'
export { classifyPredict, forward, immichMlRouter, selectBackend } from './middleware.ts'
