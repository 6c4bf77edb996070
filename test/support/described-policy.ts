import type { RouterConfig } from '../../packages/core/src/config/policy.ts'
import { describePolicy } from '../../packages/core/src/explain/describe-policy.ts'

export const three = {
  gpu: { url: 'http://gpu:3003' },
  mac: { url: 'http://mac:3003' },
  nas: { url: 'http://nas:3003' },
}

/** The lines of one section. */
export function section(name: string, config: RouterConfig): string[] {
  const [, behind = ''] = describePolicy(config).split(new RegExp(`^${name}.*:\\n`, 'm'))
  return (behind.split('\n\n')[0] ?? '').split('\n').map((line) => line.slice(2))
}
