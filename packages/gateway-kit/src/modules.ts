import type { Router, RouterConfig } from '@immich-ml-router/core'

/** A part of the gateway that is loaded once an option needs it. */
interface Module {
  readonly isUsed: (config: RouterConfig) => boolean
  /** Loads the part and attaches it to the router, with which it ends. */
  readonly attach: (router: Router) => Promise<void>
}

const MODULES: readonly Module[] = [
  {
    isUsed: ({ backends }) =>
      Object.values(backends).some(({ suspend, recycle }) => suspend !== undefined || recycle !== undefined),
    attach: async (router) => {
      const { managePower } = await import('@immich-ml-router/core/power')
      managePower(router)
    },
  },
]

/** Attaches the parts that the configuration uses, now and after each reload. */
export async function attachModules(router: Router): Promise<void> {
  const missing = new Set(MODULES)
  const attach = async () => {
    const used = [...missing].filter(({ isUsed }) => isUsed(router.config))
    for (const module of used) missing.delete(module)
    await Promise.all(used.map((module) => module.attach(router)))
  }
  router.on('reload', () => void attach())
  await attach()
}
