import { DiskSpace } from './disk-space.ts'
import { MemoryBudget } from './memory-budget.ts'

export interface BodyStoreOptions {
  /** Largest body in bytes that is always kept in memory. Larger bodies go to disk unless `spareMemory` has room. */
  readonly bodyMemory: number
  /** Bytes of all bodies up to which a larger body may stay in memory. */
  readonly spareMemory: number
  /** Limit of the bytes of all bodies in memory. */
  readonly totalBodyMemory: number
  /** Directory for larger bodies. Without it, they are not retained. */
  readonly directory: string | undefined
}

/** The memory and disk that retain bodies until they are answered. */
export class BodyStore extends MemoryBudget {
  #options: BodyStoreOptions
  readonly disk: DiskSpace

  constructor(options: BodyStoreOptions) {
    super(options.totalBodyMemory)
    this.#options = options
    this.disk = new DiskSpace(options.directory)
  }

  /** Applies new limits. Retained bodies stay where they are. */
  configure(options: BodyStoreOptions): void {
    this.#options = options
    this.setTotal(options.totalBodyMemory)
    this.disk.configure(options.directory)
  }

  /** Largest body in bytes that is always kept in memory. */
  get bodyMemory(): number {
    return this.#options.bodyMemory
  }

  /**
   * Largest body in bytes that may be in memory now. Above `bodyMemory`, one body takes at most what all bodies leave free, so
   * some memory is always left for the next.
   */
  get share(): number {
    const { bodyMemory, spareMemory } = this.#options
    return Math.max(bodyMemory, Math.min(spareMemory, this.total) - this.kept)
  }
}
