/**
 * Suspends idle machines and restarts leaking ML servers.
 *
 * @module core/power
 */

export { managePower, type PowerOptions } from './manage-power.ts'
