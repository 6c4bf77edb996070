import type { Router, RouterConfig, RouterStatus } from '@immich-ml-router/core'
import { describeRoutes, type RouteDescription } from '@immich-ml-router/core/parts'
import type { Window } from './window.ts'
import type { RouteView } from './wire.ts'

/** The routes in words, made once for each configuration. */
export class Routes {
  readonly #router: Pick<Router, 'config'>
  #config: RouterConfig | undefined
  #descriptions: readonly RouteDescription[] = []

  constructor(router: Pick<Router, 'config'>) {
    this.#router = router
  }

  views(
    { routes }: Pick<RouterStatus, 'routes'>,
    { minute, quarter }: { readonly minute: Window; readonly quarter: Window },
  ): RouteView[] {
    const { config } = this.#router
    if (config !== this.#config) this.#descriptions = describeRoutes(config)
    this.#config = config
    return routes.map(({ name }, index) => {
      const { words = name, details = [] } = this.#descriptions[index] ?? {}
      return { name, words, details, minute: minute.routeOf(name), quarter: quarter.routeOf(name) }
    })
  }
}
