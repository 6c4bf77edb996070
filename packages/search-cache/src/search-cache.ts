import { resolve } from 'node:path'
import type { Router } from '@immich-ml-router/core'
import { type AnswerSource, defaults, type FoundSearch, type Search } from '@immich-ml-router/core/parts'
import { AnswerFile } from './answer-file.ts'
import { isSameModel } from './embedding.ts'
import { searchKey } from './search-key.ts'

/** Options of `searchCache`, for tests. */
export interface SearchCacheModuleOptions {
  /**
   * The time, in milliseconds since 1970.
   * @default Date.now
   */
  readonly now?: (() => number) | undefined
}

/**
 * Serves the option `searchCache` of a router's routes: saves the good answers of text searches, and answers the same searches
 * with them. It follows `router.reload()`, and ends with `router.close()`.
 *
 * @returns Detaches it and closes its files.
 *
 * @example
 * ```ts
 * import { createRouter } from '@immich-ml-router/core'
 * import { searchCache } from '@immich-ml-router/search-cache'
 *
 * const router = createRouter({
 *   backends: { gpu: { url: 'http://gpu:3003' } },
 *   routes: [{ backends: ['gpu'], searchCache: { path: 'searches.db' } }],
 * })
 * searchCache(router)
 * ```
 */
export function searchCache(router: Router, options: SearchCacheModuleOptions = {}): () => void {
  const cache = new RouterCache(router, options.now ?? Date.now)
  cache.configure()
  const endings = [
    router.modules.attach({ serves: 'searchCache', answers: cache }),
    router.on('reload', () => cache.configure()),
    // Saved answers of backends that disagree do not compare with later ones.
    router.on('backend', (event) => {
      if (event.kind === 'model-problem') cache.forget(event.problem.model)
    }),
    router.on('close', () => end()),
  ]
  const end = () => {
    for (const stop of endings) stop()
    cache.close()
  }
  return end
}

class RouterCache implements AnswerSource {
  readonly #router: Router
  readonly #now: () => number
  /** By absolute path. */
  readonly #files = new Map<string, AnswerFile>()

  constructor(router: Router, now: () => number) {
    this.#router = router
    this.#now = now
  }

  /** Opens the files of the configuration in force, and closes others. */
  configure(): void {
    const limits = new Map<string, number>()
    for (const { searchCache } of this.#router.modules.config().routes ?? []) {
      if (searchCache === undefined) continue
      const path = resolve(searchCache.path)
      const { maxEntries = defaults.searchCacheEntries } = searchCache
      limits.set(path, Math.max(limits.get(path) ?? 0, maxEntries))
    }
    for (const [path, file] of this.#files) if (!limits.has(path)) this.#close(path, file)
    for (const [path, maxEntries] of limits) {
      const known = this.#files.get(path)
      if (known !== undefined) known.maxEntries = maxEntries
      else this.#files.set(path, this.#open(path, maxEntries))
    }
  }

  find({ options, contentType, body, model }: Search): FoundSearch | undefined {
    const file = this.#files.get(resolve(options.path))
    const key = file && searchKey(contentType, body)
    if (file === undefined || key === undefined) return undefined
    const stored = file.get(key)
    return {
      answer: stored && { body: stored.body, isFresh: this.#now() - stored.time <= options.maxAge },
      keep: (answer) => {
        // The backends compute other answers than before, so those of other searches are wrong as well.
        if (stored !== undefined && !isSameModel(stored.body, answer)) this.forget(model)
        file.set(key, model, answer)
      },
    }
  }

  forget(model?: string): number {
    let removed = 0
    for (const file of this.#files.values()) removed += file.forget(model)
    return removed
  }

  close(): void {
    for (const [path, file] of this.#files) this.#close(path, file)
  }

  #open(path: string, maxEntries: number): AnswerFile {
    const onProblem = (problem: string | undefined) => this.#report(problem)
    return new AnswerFile(path, { maxEntries, now: this.#now, onProblem })
  }

  #close(path: string, file: AnswerFile): void {
    file.close()
    this.#files.delete(path)
  }

  #report(problem: string | undefined): void {
    const { notices } = this.#router
    if (problem === undefined) notices.clear('search-cache')
    else notices.set({ kind: 'search-cache', level: 'warning', message: `Search cache: ${problem}` })
  }
}
