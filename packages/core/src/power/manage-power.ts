import { type Clock, systemClock } from '../clock.ts'
import type { RouterConfig } from '../config/policy.ts'
import { recycle, suspend } from '../config/power-schema.ts'
import type { Router } from '../router/router.ts'
import { Machine, type MachineSettings } from './machine.ts'
import { RecycleFile } from './recycle-file.ts'

/** Options of {@link managePower}. */
export interface PowerOptions {
  /**
   * Whether a backend will be needed soon, although it has nothing to do now: then it is not suspended.
   * @default never
   */
  readonly isExpected?: ((backend: string) => boolean) | undefined
  /**
   * File for the jobs and the time since the last restart of each backend with `recycle`, so that a restart of this process does
   * not reset them. It is written at most once a minute, and at the end.
   * @default none
   */
  readonly file?: string | undefined
  /**
   * The clock of the router, for tests.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

/** Time between two looks at the backends, in milliseconds. */
const INTERVAL = 5_000

/**
 * Suspends backends with `suspend` once they are idle, and restarts those with `recycle`. It follows reloads, and ends when
 * the router closes.
 *
 * @returns A function that ends it.
 *
 * @example
 * ```ts
 * import { createRouter } from '@immich-ml-router/core'
 * import { managePower } from '@immich-ml-router/core/power'
 *
 * const router = createRouter({
 *   backends: {
 *     gpu: {
 *       url: 'http://gpu:3003',
 *       wake: { mac: 'aa:bb:cc:dd:ee:ff' },
 *       suspend: { afterIdle: '20m', url: 'http://gpu:9000/suspend' },
 *     },
 *   },
 * })
 * const end = managePower(router)
 * ```
 */
export function managePower(router: Router, options: PowerOptions = {}): () => void {
  const manager = new PowerManager(router, options)
  return () => void manager.end()
}

class PowerManager {
  readonly #router: Router
  readonly #clock: Clock
  readonly #isExpected: (backend: string) => boolean
  #machines = new Map<string, Machine>()
  readonly #file: RecycleFile | undefined
  readonly #stopListening: readonly (() => void)[]
  #cancel: (() => void) | undefined
  #ended = false

  constructor(router: Router, { clock = systemClock, isExpected = () => false, file }: PowerOptions) {
    this.#router = router
    this.#clock = clock
    this.#isExpected = isExpected
    this.#file = file === undefined ? undefined : new RecycleFile(file, clock, () => this.#machines)
    this.#stopListening = [
      router.modules.attach({ serves: 'suspend' }),
      router.modules.attach({ serves: 'recycle' }),
      router.on('request', ({ outcome, backend }) => {
        if (outcome?.kind === 'answered' && backend !== undefined)
          this.#machines.get(backend.name)?.answered()
      }),
      router.on('backend', ({ kind, backend }) => {
        if (kind === 'wanted') this.#machines.get(backend)?.woken()
      }),
      router.on('reload', () => this.#configure()),
      router.modules.onClose(() => this.end()),
    ]
    this.#configure()
  }

  async end(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#cancel?.()
    for (const machine of this.#machines.values()) machine.end()
    for (const stop of this.#stopListening) stop()
    await this.#file?.close()
  }

  /** Keeps what is known of backends that stay. */
  #configure(): void {
    const before = this.#machines
    this.#machines = new Map(
      settingsOf(this.#router.modules.config()).map(([name, settings]) => {
        const machine =
          before.get(name) ??
          new Machine(name, this.#router, this.#clock, settings, this.#file?.records.get(name))
        machine.settings = settings
        return [name, machine]
      }),
    )
    this.#cancel?.()
    if (this.#machines.size > 0) this.#schedule()
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(INTERVAL, () => {
      const status = this.#router.status()
      for (const machine of this.#machines.values()) machine.look(status, this.#isExpected)
      this.#file?.save()
      if (!this.#ended) this.#schedule()
    })
  }
}

/** The settings of each backend that has some. */
function settingsOf({ backends, health: shared }: RouterConfig): [name: string, settings: MachineSettings][] {
  return Object.entries(backends)
    .filter(([, own]) => own.suspend !== undefined || own.recycle !== undefined)
    .map(([name, { health = shared, ...own }]) => [
      name,
      {
        suspend: suspend.optional().parse(own.suspend),
        recycle: recycle.optional().parse(own.recycle),
        isLazy: typeof health === 'object' && health.mode === 'lazy',
      },
    ])
}
