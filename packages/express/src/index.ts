export type { ImmichMlMiddleware, ImmichMlState, Middleware } from './middleware.ts'
export { classifyPredict, forward, immichMlRouter, selectBackend } from './middleware.ts'
