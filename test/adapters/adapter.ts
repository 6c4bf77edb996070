import type { RequestListener } from 'node:http'
import type { Policy, Router, RouterOptions, Select, SelectEnvironment } from '@immich-ml-router/core'
import type { Exchange, ExchangeOptions, ForwardOptions } from '@immich-ml-router/core/parts'

/** What surrounds the all-in-one middleware. */
export interface Surroundings {
  /** Path that the middleware is mounted under. */
  readonly prefix?: string
  /** Options of a second router, mounted behind the first. */
  readonly beside?: RouterOptions
  /** A middleware before it: keeps the raw body, eats it, or only sets a response header. */
  readonly before?: 'keeps-body' | 'eats-body' | 'sets-header' | 'classifies'
}

/** The steps of one router, and what runs between them. */
export interface Steps {
  /** How many steps run one by one, before the router itself. */
  readonly count: 1 | 2 | 3
  /** Runs after the first; `true` means that it has answered with 403 itself. */
  readonly afterClassify?: (exchange: Exchange) => boolean | Promise<boolean>
  /** Runs after the second. */
  readonly afterSelect?: (exchange: Exchange) => Promise<void>
}

export interface Mounted {
  readonly listener: RequestListener
  readonly router: Router
  /** What an outer middleware saw when the inner ones had returned, for frameworks that have that. */
  readonly afterNext?: readonly { readonly finished: boolean }[]
}

export interface Composition {
  readonly policy: Policy
  readonly environment?: SelectEnvironment
  readonly classify?: ExchangeOptions
  readonly forward?: ForwardOptions
  /** Runs between `classifyPredict()` and `selectBackend()`. */
  readonly afterClassify?: (exchange: Exchange) => void
  /** Runs between `selectBackend()` and `forward()`; `true` means that it has answered itself. */
  readonly beforeForward?: (exchange: Exchange) => boolean
}

export interface Composed extends Pick<Select, 'reload'> {
  readonly listener: RequestListener
  close(): Promise<void>
}

/** A framework's adapter as the contract suite sees it. A part that it lacks carries the reason. */
export interface AdapterUnderTest {
  readonly name: string
  /** Everything that is not the router's is answered with 418 by the application. Nothing is held unless the options say so. */
  mount(options: RouterOptions, surroundings?: Surroundings): Mounted
  readonly compose: ((composition: Composition) => Composed) | Lacking
  /** The steps of a router, in front of the router. */
  steps(options: RouterOptions, steps: Steps): Mounted
  readonly prefixes: true | Lacking
  readonly bodyParsers: true | Lacking
}

export interface Lacking {
  readonly lackingBecause: string
}

/** The same adapter with another transport. */
export function withTransport(
  adapter: AdapterUnderTest,
  transport: NonNullable<ForwardOptions['transport']>,
): AdapterUnderTest {
  const { compose } = adapter
  return {
    ...adapter,
    name: `${adapter.name}, ${transport}`,
    mount: (options, surroundings) => adapter.mount({ transport, ...options }, surroundings),
    steps: (options, steps) => adapter.steps({ transport, ...options }, steps),
    compose:
      typeof compose === 'function'
        ? (composition) => compose({ ...composition, forward: { transport, ...composition.forward } })
        : compose,
  }
}
