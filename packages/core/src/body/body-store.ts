import { DiskSpace } from './disk-space.ts'
import { MemoryBudget } from './memory-budget.ts'

export interface BodyStoreOptions {
  /** Bytes of one body that are retained in memory; what is larger goes to disk, unless there is spare room. */
  readonly bodyMemory: number
  /** Bytes of all bodies together up to which there is spare room for larger ones. */
  readonly spareMemory: number
  /** Bytes of all bodies together that are retained in memory. */
  readonly totalBodyMemory: number
  /** The directory for what is larger; without one, it is not retained. */
  readonly directory: string | undefined
}

/** Where bodies are retained until they are answered: in memory, and on disk what is too large for that. */
export class BodyStore extends MemoryBudget {
  #options: BodyStoreOptions
  readonly disk: DiskSpace

  constructor(options: BodyStoreOptions) {
    super(options.totalBodyMemory)
    this.#options = options
    this.disk = new DiskSpace(options.directory)
  }

  /** Applies other limits from now on. What is retained stays where it is. */
  adapt(options: BodyStoreOptions): void {
    this.#options = options
    this.limit(options.totalBodyMemory)
    this.disk.use(options.directory)
  }

  /** Bytes of one body that are retained in memory. */
  get bodyMemory(): number {
    return this.#options.bodyMemory
  }

  /**
   * Bytes of one body that may be in memory now. A larger one may be as large as what all of them leave free, so there is always
   * something left for the next, and none has to make room for it.
   */
  get share(): number {
    const { bodyMemory, spareMemory } = this.#options
    return Math.max(bodyMemory, Math.min(spareMemory, this.total) - this.kept)
  }
}
