import type { RouterConfig } from '../config/policy.ts'
import type { AnswerSource } from './answer-source.ts'
import type { Notices } from './notices.ts'
import type { Splitter } from './splitter.ts'

/** The options that optional modules serve, and the call that attaches the module. */
const SERVED_BY = {
  agreement: 'watchAgreement(router) of @immich-ml-router/core/agreement',
  immich: 'immichQueues(router) of @immich-ml-router/immich',
  keepWarm: 'warmUp(router) of @immich-ml-router/core/warm-up',
  recycle: 'managePower(router) of @immich-ml-router/core/power',
  searchCache: 'searchCache(router) of @immich-ml-router/search-cache',
  suspend: 'managePower(router) of @immich-ml-router/core/power',
} as const

/** An option that an optional module serves. */
export type ModuleOption = keyof typeof SERVED_BY

const OPTIONS = [
  'agreement',
  'immich',
  'keepWarm',
  'recycle',
  'searchCache',
  'suspend',
] as const satisfies readonly ModuleOption[]

/** A module that serves an option of the configuration, or takes part in requests without one. */
export interface RouterModule {
  /** The option; a module without one takes part as soon as it is attached. */
  readonly serves?: ModuleOption | undefined
  /** Answers text searches instead of a backend. */
  readonly answers?: AnswerSource | undefined
  /** Answers requests that no single backend serves. */
  readonly splitter?: Splitter | undefined
}

/** The modules of a router. */
export interface Modules {
  /**
   * Attaches a module, in place of an earlier one of the same kind. Functions such as `searchCache(router)` call it.
   *
   * @returns Detaches the module.
   */
  attach(module: RouterModule): () => void
  /**
   * Calls `end` once the router is closed. `router.close()` waits for it, so a module has no file or socket in use after that.
   *
   * @param end If it rejects, the router closes all the same.
   * @returns Removes the call.
   */
  onClose(end: () => Promise<void>): () => void
  /**
   * The options in force, as given to `createRouter()` or to the last `reload()`. They include credentials: a method, so that
   * printing a router does not show them.
   */
  config(): RouterConfig
  /** The options that are set and that no attached module serves. */
  unserved(): readonly ModuleOption[]
  /**
   * Removes saved answers of text searches. Call it when a backend computes other answers than before.
   *
   * @param model Name of the model; without it, the answers of all models.
   * @returns How many answers there were; `undefined` when no module saves answers.
   */
  forgetAnswers(model?: string): number | undefined
}

/** The modules that are attached to a router. */
export class ModuleRegistry implements Modules {
  readonly #attached = new Map<ModuleOption, RouterModule>()
  /** What answers requests that no single backend serves. */
  splitter: Splitter | undefined
  #config: RouterConfig = { backends: {} }
  readonly #ends = new Set<() => Promise<void>>()
  #isChecked = false

  config(): RouterConfig {
    return this.#config
  }

  attach(module: RouterModule): () => void {
    const { serves, splitter } = module
    if (serves !== undefined) this.#attached.set(serves, module)
    if (splitter !== undefined) this.splitter = splitter
    this.#isChecked = false
    return () => {
      if (serves !== undefined && this.#attached.get(serves) === module) this.#attached.delete(serves)
      if (splitter !== undefined && this.splitter === splitter) this.splitter = undefined
      this.#isChecked = false
    }
  }

  onClose(end: () => Promise<void>): () => void {
    this.#ends.add(end)
    return () => void this.#ends.delete(end)
  }

  /** Ends the modules. It never rejects. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#ends].map(async (end) => end()))
  }

  forgetAnswers(model?: string): number | undefined {
    return this.answers?.forget(model)
  }

  /** What answers text searches instead of a backend. */
  get answers(): AnswerSource | undefined {
    return this.#attached.get('searchCache')?.answers
  }

  /** Must be called with each configuration. */
  configure(config: RouterConfig): void {
    this.#config = config
    this.#isChecked = false
  }

  /** Whether {@link ModuleRegistry.check} was called since the configuration changed. */
  get isChecked(): boolean {
    return this.#isChecked
  }

  unserved(): readonly ModuleOption[] {
    return optionsIn(this.#config).filter((option) => !this.#attached.has(option))
  }

  /** Notes which options no module serves. Must be called when a request arrives: until then, a module may be attached. */
  check(notices: Notices): void {
    if (this.#isChecked) return
    this.#isChecked = true
    const calls = this.unserved().map((option) => `${option}: call ${SERVED_BY[option]} after createRouter()`)
    if (calls.length === 0) notices.clear('not-served')
    else
      notices.set({
        kind: 'not-served',
        level: 'warning',
        message: `Options have no effect, because no module serves them. ${calls.join('; ')}.`,
      })
  }
}

/** The options of modules that a configuration sets. */
function optionsIn({ agreement = 'off', backends, immich, routes = [] }: RouterConfig): ModuleOption[] {
  const all = Object.values(backends)
  const isSet: Readonly<Record<ModuleOption, boolean>> = {
    agreement: agreement !== 'off',
    immich: immich !== undefined,
    keepWarm: [...all, ...routes].some(({ keepWarm }) => keepWarm !== undefined),
    recycle: all.some(({ recycle }) => recycle !== undefined),
    searchCache: routes.some(({ searchCache }) => searchCache !== undefined),
    suspend: all.some(({ suspend }) => suspend !== undefined),
  }
  return OPTIONS.filter((option) => isSet[option])
}
