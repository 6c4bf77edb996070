import { readFile } from 'node:fs/promises'
import { fail } from '../fail.ts'
import { gatewayUrl, localUrl } from '../local-url.ts'
import { IMMICH_JOBS } from '../probe/immich-jobs.ts'
import { CacheWarmer } from '../warm-cache/cache-warmer.ts'

/** The options of `warm-cache`. */
export interface WarmCacheOptions {
  readonly url?: string
  readonly model?: string
  readonly language?: readonly string[]
}

const [SEARCH] = IMMICH_JOBS.flatMap(({ entries, input }) => (input === 'text' ? entries : []))
const DEFAULT_LANGUAGE = 'en'
/** Progress on a terminal, in searches. */
const STEP = 25

/** Searches for every line of a file through a running gateway, which saves the answers. */
export async function runWarmCache(file: string, options: WarmCacheOptions): Promise<void> {
  const { url, model = SEARCH?.model ?? '', language: languages = [DEFAULT_LANGUAGE] } = options
  const { stdout } = process
  try {
    const words = linesOf(await readFile(file, 'utf8'))
    if (words.length === 0) throw new Error(`${file} has no words: write one search on each line`)
    const target = url === undefined ? localUrl(process.env) : gatewayUrl(url).href
    const total = words.length * languages.length
    const warmer = new CacheWarmer(target, model, (done) => {
      if (stdout.isTTY && done % STEP === 0) stdout.write(`\r${done} of ${total}`)
    })
    await warmer.run(words, languages)
    const { computed, saved } = warmer.counts
    if (stdout.isTTY) stdout.write('\r\u001b[K')
    stdout.write(`${computed + saved} searches are saved: ${computed} new, ${saved} were saved before.\n`)
  } catch (error) {
    fail(error)
  }
}

function linesOf(text: string): string[] {
  return [...new Set(text.split(/\r?\n/).map((line) => line.trim()))].filter((line) => line !== '')
}
