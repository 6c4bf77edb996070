/** Searches at the same time: enough for a GPU, and few beside the searches of people. */
const PARALLEL = 2
/** The longest time for an answer, in milliseconds: the first may load a model. */
const TIMEOUT = 120_000

/** Sends text searches to a gateway, as Immich does, so that it saves the answers. */
export class CacheWarmer {
  readonly #predictUrl: URL
  readonly #model: string
  readonly #onProgress: (done: number) => void
  readonly #counts = { computed: 0, saved: 0 }

  /** @param url The URL of the gateway. @param onProgress Called with the number of answered searches. */
  constructor(url: string, model: string, onProgress: (done: number) => void = () => {}) {
    this.#predictUrl = new URL(`${url.replace(/\/+$/, '')}/predict`)
    this.#model = model
    this.#onProgress = onProgress
  }

  /** Answers so far: those that a backend computed, and those that were saved before. */
  get counts(): { readonly computed: number; readonly saved: number } {
    return this.#counts
  }

  /**
   * Searches for every word in every language.
   *
   * @throws {Error} when a search fails, or the gateway does not save answers.
   */
  async run(words: readonly string[], languages: readonly string[]): Promise<void> {
    const searches = languages.flatMap((language) => words.map((word) => ({ word, language })))
    const [first] = searches
    if (first === undefined) return
    await this.#search(first.word, first.language)
    if (!(await this.#isSaved(first.word, first.language)))
      throw new Error(
        `${this.#predictUrl.origin} does not save answers: add searchCache to the route of text searches`,
      )
    const rest = searches.slice(1).values()
    const worker = async () => {
      for (const { word, language } of rest) await this.#search(word, language)
    }
    await Promise.all(Array.from({ length: PARALLEL }, worker))
  }

  async #search(word: string, language: string): Promise<void> {
    if (await this.#isSaved(word, language)) this.#counts.saved++
    else this.#counts.computed++
    this.#onProgress(this.#done)
  }

  async #isSaved(word: string, language: string): Promise<boolean> {
    const form = new FormData()
    // The bytes that Immich sends, in its order: they are the key of the answer.
    const entries = { clip: { textual: { modelName: this.#model, options: { language } } } }
    form.append('entries', JSON.stringify(entries))
    form.append('text', word)
    const response = await this.#post(form)
    const text = await response.text()
    if (response.status !== 200)
      throw new Error(
        `${this.#predictUrl.origin} answers ${response.status} to the search "${word}": ${text.slice(0, 200)} (${this.#done} are saved; run the command again when a backend is on)`,
      )
    return response.headers.get('x-immich-ml-cache') === 'fresh'
  }

  get #done(): number {
    return this.#counts.saved + this.#counts.computed
  }

  async #post(body: FormData): Promise<Response> {
    try {
      return await fetch(this.#predictUrl, { method: 'POST', body, signal: AbortSignal.timeout(TIMEOUT) })
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(
        `${this.#predictUrl.origin} does not answer (${reason}): start the gateway, or give --url`,
        {
          cause: error,
        },
      )
    }
  }
}
