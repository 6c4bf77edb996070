export type { ImmichMlMiddleware, ImmichMlState } from './middleware.ts'
export { classifyPredict, forward, immichMlRouter, selectBackend } from './middleware.ts'
