import type { BackendOptions, RouterConfig } from '../config/policy.ts'
import { INTERACTIVE, route as routeSchema } from '../config/route-schema.ts'
import { milliseconds } from '../config/values.ts'
import { priorityOf, routeNames } from '../routing/compile-policy.ts'
import type { RecentJob } from './recent-jobs.ts'

/** What the configuration says about warm models. */
export class WarmSettings {
  readonly #config: RouterConfig
  readonly #routes: ReadonlyMap<string, NonNullable<RouterConfig['routes']>[number]>

  constructor(config: RouterConfig) {
    const { routes = [] } = config
    this.#config = config
    const names = routeNames(routes)
    this.#routes = new Map(routes.map((route, index) => [names[index] ?? '', route]))
  }

  /** Whether the priority of the job is that of interactive jobs. */
  isInteractive({ route, classification }: Pick<RecentJob, 'route' | 'classification'>): boolean {
    const { priority } = this.#routes.get(route) ?? {}
    return priorityOf(routeSchema.shape.priority.parse(priority))(classification) >= INTERACTIVE
  }

  /** Idle time after which the models get a canary on a backend, in milliseconds; `undefined` for never. */
  keepWarm(backend: string, route: string): number | undefined {
    const options = this.#config.backends[backend]
    if (options === undefined || this.#maySleep(options)) return undefined
    const period = options.keepWarm ?? this.#routes.get(route)?.keepWarm
    return period === undefined ? undefined : milliseconds(period)
  }

  #maySleep({ wake, suspend, health = this.#config.health }: BackendOptions): boolean {
    const isLazy = typeof health === 'object' && health.mode === 'lazy'
    return wake !== undefined || suspend !== undefined || isLazy
  }
}
