import type { BackendEvent } from '../router/policy-runtime.ts'
import type { RouterStatus } from '../router/router.ts'
import { gauge, type MetricContext, type Reading } from './families.ts'

type Label = 'backend' | 'action'

const ACTIONS = { wanted: 'wake', suspended: 'suspend', recycled: 'recycle' } as const

/** Whether the last call of each hook failed. A gauge: a machine that runs on after one failed call is worth an alert. */
export class HookCalls {
  readonly #last = new Map<string, Reading<Label>>()

  /** Creates the gauge. */
  constructor(context: MetricContext, status: () => RouterStatus) {
    gauge(
      context,
      status,
      'backend_hook_failed',
      '1 if the last call of wake, suspend or recycle failed, else 0; absent before the first call.',
      ['backend', 'action'],
      ({ backends }) => this.#readings(backends),
    )
  }

  backend(event: BackendEvent): void {
    if (event.kind !== 'wanted' && event.kind !== 'suspended' && event.kind !== 'recycled') return
    const { backend } = event
    const action = ACTIONS[event.kind]
    this.#last.set(`${backend}\n${action}`, [{ backend, action }, event.error === undefined ? 0 : 1])
  }

  /** A backend without `wake` is wanted as well. */
  #readings(backends: RouterStatus['backends']): Reading<Label>[] {
    const wakes = new Map(backends.map((backend) => [backend.name, backend.wakes]))
    return [...this.#last.values()].filter(([{ backend, action }]) =>
      action === 'wake' ? wakes.get(backend) === true : wakes.has(backend),
    )
  }
}
