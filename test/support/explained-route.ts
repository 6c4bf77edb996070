import { FakeClock } from '@immich-ml-router/core/testing'
import type { Outcome } from '../../packages/core/src/backend/outcome.ts'
import type { BackendOptions, Policy, Route } from '../../packages/core/src/config/policy.ts'
import type { RouteExplanation } from '../../packages/core/src/explain/explanation.ts'
import { selectBackend } from '../../packages/core/src/router/select-backend.ts'
import { classified } from './classifications.ts'
import { FakeResolver } from './fake-resolver.ts'
import { failed, passedOver } from './outcomes.ts'

export const search = classified('text', 'clip/textual/ViT-B-32')

export const image = classified('image', 'clip/visual/ViT-B-32')

export const broken = passedOver(503)

export const lacking = passedOver(501)

export const busy = passedOver(429, '', { 'retry-after': '3' })

export const unreachable = failed('connect')

type Given = Omit<Policy, 'backends' | 'routes'> & {
  readonly backends: Record<string, Partial<BackendOptions>>
  readonly routes?: readonly Route[]
}

export function stage({ backends, ...policy }: Given) {
  const clock = new FakeClock()
  const resolver = new FakeResolver()
  const complete = Object.entries(backends).map(([name, options]) => [
    name,
    { url: `http://${name}`, maxConcurrent: 2, ...options },
  ])
  const select = selectBackend(
    { backends: Object.fromEntries(complete), health: false, hold: false, ...policy },
    { clock, resolver },
  )
  const fail = (name: string, outcome: Outcome, times = 3, tasks = image) => {
    const names = Object.keys(backends).filter((other) => other !== name)
    return Array.from({ length: times }).reduce<Promise<void>>(
      (before) => before.then(async () => (await select(tasks, { exclude: names })).release(outcome)),
      Promise.resolve(),
    )
  }
  return { clock, resolver, select, fail }
}

/** Backend, verdict and words of each candidate. */
export function words({ candidates }: RouteExplanation): string[] {
  return candidates.map(
    ({ backend, endpoint, verdict, words: why }) => `${backend}${endpoint ?? ''} ${verdict}: ${why}`,
  )
}
