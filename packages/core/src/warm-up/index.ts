/**
 * Loads models before requests need them.
 *
 * @module core/warm-up
 */

export { type WarmUpOptions, warmUp } from './warm-up.ts'
