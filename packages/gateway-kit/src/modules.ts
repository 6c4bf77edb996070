import type { Router, RouterConfig } from '@immich-ml-router/core'
import type { ModuleOption } from '@immich-ml-router/core/parts'
import type { ImmichPart } from './immich-part.ts'

/** What the modules share. */
interface Shared {
  /** File for the counts of `recycle`. */
  readonly recycleFile: string | undefined
  readonly immich: ImmichPart
}

/** A module that is loaded once the configuration needs it. */
interface Module {
  /** It is needed once one of these options is set. */
  readonly serves?: readonly ModuleOption[]
  /** Whether it is needed without an option. */
  readonly isUsed?: (config: RouterConfig) => boolean
  /** Loads the module and attaches it to the router, with which it ends. */
  readonly attach: (router: Router, shared: Shared) => Promise<void>
}

const MODULES: readonly Module[] = [
  {
    serves: ['suspend', 'recycle'],
    attach: async (router, { immich: { isExpected }, recycleFile: file }) => {
      const { managePower } = await import('@immich-ml-router/core/power')
      managePower(router, { isExpected, file })
    },
  },
  {
    serves: ['agreement'],
    isUsed: comparesBackends,
    attach: async (router) => {
      const { watchAgreement } = await import('@immich-ml-router/core/agreement')
      watchAgreement(router)
    },
  },
  {
    serves: ['keepWarm'],
    // A router without canaries loads no model.
    isUsed: ({ canary }) => canary !== false,
    attach: async (router) => {
      const { warmUp } = await import('@immich-ml-router/core/warm-up')
      warmUp(router)
    },
  },
  {
    isUsed: restrictsTasks,
    attach: async (router) => {
      const { splitRequests } = await import('@immich-ml-router/core/split')
      splitRequests(router)
    },
  },
  {
    serves: ['immich'],
    attach: (router, { immich }) => immich.attach(router),
  },
  {
    serves: ['searchCache'],
    attach: async (router) => {
      const { searchCache } = await import('@immich-ml-router/search-cache')
      searchCache(router)
    },
  },
]

/** Attaches the modules that the configuration needs, now and after each reload. */
export async function attachModules(router: Router, shared: Shared): Promise<void> {
  const missing = new Set(MODULES)
  const attach = async () => {
    const [config, options] = [router.modules.config(), new Set(router.modules.unserved())]
    const used = [...missing].filter(
      ({ serves = [], isUsed }) => isUsed?.(config) === true || serves.some((option) => options.has(option)),
    )
    for (const module of used) missing.delete(module)
    await Promise.all(used.map((module) => module.attach(router, shared)))
  }
  router.on('reload', () => void attach())
  await attach()
}

/** Where every backend serves every task, no request needs several. */
function restrictsTasks({ backends }: RouterConfig): boolean {
  return Object.values(backends).some(({ tasks }) => tasks !== undefined)
}

/** Without a second backend there is nothing to compare. */
function comparesBackends({ agreement, backends, canary }: RouterConfig): boolean {
  const all = Object.values(backends)
  const areSeveral = all.length > 1 || all.some(({ discover }) => discover !== undefined)
  return agreement !== 'off' && canary !== false && areSeveral
}
