import type { BackendOptions, RouterConfig } from '../config/policy.ts'
import { INTERACTIVE, route as routeSchema } from '../config/route-schema.ts'
import { milliseconds } from '../config/values.ts'
import { priorityOf, routeNames } from '../routing/compile-policy.ts'
import type { RecentJob } from './recent-jobs.ts'

interface WarmRoute {
  readonly keepWarm: NonNullable<RouterConfig['routes']>[number]['keepWarm']
  readonly priorityOf: ReturnType<typeof priorityOf>
}

/** That of the route of a policy without routes. */
const DEFAULT_PRIORITY = priorityOf(undefined)

/** What the configuration says about warm models. */
export class WarmSettings {
  readonly #config: RouterConfig
  /** By name, the option of each route and how urgent its jobs are: asked for with every request. */
  readonly #routes: ReadonlyMap<string, WarmRoute>

  constructor(config: RouterConfig) {
    const { routes = [] } = config
    this.#config = config
    const names = routeNames(routes)
    this.#routes = new Map(
      routes.map(({ keepWarm, priority }, index) => [
        names[index] ?? '',
        { keepWarm, priorityOf: priorityOf(routeSchema.shape.priority.parse(priority)) },
      ]),
    )
  }

  /** Whether the priority of the job is that of interactive jobs. */
  isInteractive({ route, classification }: Pick<RecentJob, 'route' | 'classification'>): boolean {
    const urgency = this.#routes.get(route)?.priorityOf ?? DEFAULT_PRIORITY
    return urgency(classification) >= INTERACTIVE
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
