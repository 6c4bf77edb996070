import type { Router, RouterConfig } from '@immich-ml-router/core'
import type { ImmichPart } from './immich-part.ts'

/** What the parts share. */
interface Shared {
  /** File for the counts of `recycle`. */
  readonly recycleFile: string | undefined
  readonly immich: ImmichPart
}

/** A part of the gateway that is loaded once an option needs it. */
interface Module {
  readonly isUsed: (config: RouterConfig) => boolean
  /** Loads the part and attaches it to the router, with which it ends. */
  readonly attach: (router: Router, shared: Shared) => Promise<void>
}

const MODULES: readonly Module[] = [
  {
    isUsed: ({ backends }) =>
      Object.values(backends).some(({ suspend, recycle }) => suspend !== undefined || recycle !== undefined),
    attach: async (router, { immich: { isExpected }, recycleFile: file }) => {
      const { managePower } = await import('@immich-ml-router/core/power')
      managePower(router, { isExpected, file })
    },
  },
  {
    isUsed: comparesBackends,
    attach: async (router) => {
      const { watchAgreement } = await import('@immich-ml-router/core/agreement')
      watchAgreement(router)
    },
  },
  {
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
    isUsed: ({ immich }) => immich !== undefined,
    attach: (router, { immich }) => immich.attach(router),
  },
  {
    isUsed: ({ routes = [] }) => routes.some(({ searchCache }) => searchCache !== undefined),
    attach: async (router) => {
      const { searchCache } = await import('@immich-ml-router/search-cache')
      searchCache(router)
    },
  },
]

/** Attaches the parts that the configuration uses, now and after each reload. */
export async function attachModules(router: Router, shared: Shared): Promise<void> {
  const missing = new Set(MODULES)
  const attach = async () => {
    const used = [...missing].filter(({ isUsed }) => isUsed(router.modules.config()))
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
