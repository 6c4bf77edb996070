/**
 * Parts of the router for packages that extend it, such as `@immich-ml-router/status-page`.
 *
 * @module core/parts
 */

export { WITH_OPTIONS } from './backend/health/capabilities.ts'
export { systemClock } from './clock.ts'
export { shorten } from './shorten.ts'
