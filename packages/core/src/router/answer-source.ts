import type { SearchCache } from '../config/resolve.ts'

/** A text search on a route with `searchCache`. */
export interface Search {
  /** The option of the route, with its defaults: `maxAge` in milliseconds. */
  readonly options: SearchCache
  /** The `Content-Type` of the request. */
  readonly contentType: string
  /** The body, at least to the end of the form. Its memory is used again after the call. */
  readonly body: Buffer
  /** Name of the model. */
  readonly model: string
}

/** An answer that was good earlier. */
export interface SavedAnswer {
  /** The body of the answer: JSON. */
  readonly body: Buffer
  /** Whether it may answer at once. Any other answers only when no backend can. */
  readonly isFresh: boolean
}

/** What a source of answers has for a search. */
export interface FoundSearch {
  /** The answer to the same search, if there is one. */
  readonly answer: SavedAnswer | undefined
  /** Saves a good answer of a backend. Called before the client gets it. */
  keep(answer: Buffer): void
}

/** Answers text searches instead of a backend. Its functions are called for text searches on routes with `searchCache` only. */
export interface AnswerSource {
  /** Looks a search up; `undefined` when it cannot be. Called once for each search, before a backend is chosen. */
  find(search: Search): FoundSearch | undefined
  /** Removes the answers of a model, or all. @returns How many there were. */
  forget(model?: string): number
}
