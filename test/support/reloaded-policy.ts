import { FakeClock } from '@immich-ml-router/core/testing'
import { expect, onTestFinished } from 'vitest'
import type { Backend } from '../../packages/core/src/backend/backend.ts'
import type { Classified } from '../../packages/core/src/classify/classification.ts'
import type { BackendOptions, Policy, Route } from '../../packages/core/src/config/policy.ts'
import type { BackendEvent, SelectEnvironment } from '../../packages/core/src/router/policy-runtime.ts'
import { selectBackend } from '../../packages/core/src/router/select-backend.ts'
import type { SelectOptions } from '../../packages/core/src/routing/select-options.ts'
import { classified } from './classifications.ts'
import { failed } from './outcomes.ts'

export const image = classified('image', 'clip/visual')

/** Backends by their names, with one slot each and no probes, and one route to all of them. */
export function policy(
  backends: Readonly<Record<string, Partial<BackendOptions>>>,
  route: Partial<Route> = {},
  rest: Partial<Policy> = {},
): Policy {
  return {
    backends: Object.fromEntries(
      Object.entries(backends).map(([name, options]) => [
        name,
        { url: `http://${name}`, maxConcurrent: 1, ...options },
      ]),
    ),
    routes: [{ name: 'all', backends: Object.keys(backends), strategy: 'first', ...route }],
    health: false,
    hold: false,
    ...rest,
  }
}

export const hold = (time: string) => ({ hold: time })

export function start(first: Policy, environment: SelectEnvironment = {}) {
  const clock = new FakeClock()
  const events: BackendEvent[] = []
  const holds: string[] = []
  const select = selectBackend(first, {
    clock,
    onBackendChange: (event) => events.push(event),
    onHold: ({ kind, route, held }) => holds.push(`${kind} ${route} ${held}`),
    ...environment,
  })
  /** What has become of each request, by its name. */
  const became: Record<string, string> = {}
  const told: string[] = []
  const send = (name: string, it: Classified = image, options: SelectOptions = {}) => {
    const selecting = select(it, options)
    selecting.then(
      ({ backend, route }) => {
        became[name] = `${backend.url} by ${route}`
        told.push(name)
      },
      (error) => {
        became[name] = String(error.code ?? error)
      },
    )
    return selecting
  }
  const server = (name: string): Backend => {
    const found = select.backends().find((backend) => backend.name === name)
    if (found === undefined) throw new Error(`there is no ${name}`)
    return found
  }
  const eject = (name: string) => {
    for (let i = 0; i < 3; i++) server(name).reserve().release(failed('connect'))
  }
  const waiting = () => select.backends().map(({ name, demand: { waiting } }) => `${name} ${waiting}`)
  onTestFinished(() => {
    select.close()
    expect(clock.pending).toBe(0)
  })
  return { clock, select, events, holds, became, told, send, server, eject, waiting }
}
