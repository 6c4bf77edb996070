/**
 * Keeps the answers of text searches in a file, so that a search works with every backend off.
 *
 * @example
 * ```ts
 * import http from 'node:http'
 * import { createRouter } from '@immich-ml-router/core'
 * import { searchCache } from '@immich-ml-router/search-cache'
 *
 * const router = createRouter({
 *   backends: { gpu: { url: 'http://gpu:3003' } },
 *   routes: [{ backends: ['gpu'], searchCache: { path: 'searches.db' } }],
 * })
 * searchCache(router)
 * http.createServer((req, res) => router.handle(req, res)).listen(3003)
 * ```
 *
 * @module search-cache
 */

export { type SearchCacheModuleOptions, searchCache } from './search-cache.ts'
