/**
 * Middleware for Koa 2 and 3.
 *
 * @module koa
 */

export type { ImmichMlMiddleware, ImmichMlState } from './middleware.ts'
export { classifyPredict, forward, immichMlRouter, selectBackend } from './middleware.ts'
