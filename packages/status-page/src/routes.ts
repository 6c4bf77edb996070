import type { Router, RouterConfig, RouterStatus } from '@immich-ml-router/core'
import { describeRoutes, type RouteDescription, shorten } from '@immich-ml-router/core/parts'
import type { Window } from './window.ts'
import type { RouteView } from './wire.ts'

/** The routes in words, made once for each configuration. */
export class Routes {
  readonly #router: Pick<Router, 'modules'>
  #config: RouterConfig | undefined
  #descriptions: readonly RouteDescription[] = []

  constructor(router: Pick<Router, 'modules'>) {
    this.#router = router
  }

  views(
    { routes }: Pick<RouterStatus, 'routes'>,
    { minute, quarter }: { readonly minute: Window; readonly quarter: Window },
  ): RouteView[] {
    const config = this.#router.modules.config()
    if (config !== this.#config) this.#descriptions = describeRoutes(config).map(shortened)
    this.#config = config
    return routes.map(({ name }, index) => {
      const { words = name, details = [] } = this.#descriptions[index] ?? {}
      return { name, words, details, minute: minute.routeOf(name), quarter: quarter.routeOf(name) }
    })
  }
}

/** Characters of a line. A match can list any number of models. */
const LONGEST = 300

function shortened({ words, details }: RouteDescription): RouteDescription {
  return { words: shorten(words, LONGEST), details: details.map((line) => shorten(line, LONGEST)) }
}
