import { Backend, type BackendChange, type BackendInfo } from '../backend/backend.ts'
import type { CheckOptions } from '../backend/checker.ts'
import type { Classification } from '../classify/classification.ts'
import { type Clock, systemClock } from '../clock.ts'
import { RouterClosedError } from '../errors.ts'
import { WaitingLine } from '../hold/waiting-line.ts'
import { compilePolicy } from './compile-policy.ts'
import { Jobs } from './jobs.ts'
import type { HoldEvent, Lease } from './lease.ts'
import type { Heartbeats } from './patience.ts'
import type { Policy } from './policy.ts'
import { RouteSelection, type SelectOptions, type Waiting } from './route-selection.ts'

/** What has changed about a backend. */
export type BackendEvent = BackendChange & {
  /** Name of the backend. */
  readonly backend: string
}

export interface SelectEnvironment {
  /**
   * Where time comes from, for tests.
   * @default the system's
   */
  readonly clock?: Clock | undefined
  /** Told of every change of a backend. */
  readonly onBackendChange?: ((event: BackendEvent) => void) | undefined
  /** Told when a request begins and ends to wait. */
  readonly onHold?: ((event: HoldEvent) => void) | undefined
  /**
   * Starts a machine in any way that is not Wake-on-LAN: called when a request wants a backend that is down, at most once
   * in the backend's `wake.every`, or in 30 s.
   */
  readonly onUnavailable?: ((backend: BackendInfo) => void) | undefined
}

/** How a backend is asked whether it is there. @returns Why it is not well; `undefined` when it is. */
export type BackendProbe = (
  backend: Backend,
  options: CheckOptions,
  signal: AbortSignal,
) => Promise<string | undefined>

/** A compiled policy. */
export interface Select {
  /**
   * @throws {NoBackendError} when every backend of the route is excluded, or lacks a task of the request.
   * @throws {HoldError} when the request has waited as long as it may, or too many wait.
   * @throws the signal's reason when it is aborted.
   */
  (classification: Classification, options?: SelectOptions): Promise<Lease>
  /** The lease on one backend by its name, whatever the routes say: for code that knows better than the policy. */
  lease(backend: string): Lease
  /** The signs of life that a request gets by its route; `undefined` for none. */
  heartbeats(classification: Classification): Heartbeats | undefined
  readonly backends: readonly Backend[]
  /** Where its time comes from. */
  readonly clock: Clock
  /** Requests that wait, by route; those of which none waits are not in it. */
  held(): Readonly<Record<string, number>>
  /** Whether a request could be sent somewhere, or wait. */
  useful(): boolean
  /** Sends a backend nothing more. Resolves when what is running there is over. */
  drain(backend: string): Promise<void>
  /** Sends a backend requests again. */
  enable(backend: string): void
  /** Starts the probes; further calls do nothing. */
  start(probe: BackendProbe): void
  /** Ends the probes, and answers those who wait with {@link RouterClosedError}; nobody waits from then on. */
  close(): void
}

/**
 * Compiles a policy into a function that chooses a backend for a request.
 *
 * @throws {PolicyError} with every mistake in the policy, each with its path.
 */
export function selectBackend(policy: Policy, environment: SelectEnvironment = {}): Select {
  const { clock = systemClock, onBackendChange, onHold, onUnavailable } = environment
  const line = new WaitingLine<Lease>(clock)
  const { backends, routes, timeouts, queue, mostUrgent } = compilePolicy(policy, (name, settings) => {
    const backend: Backend = new Backend(name, {
      ...settings,
      clock,
      onChange: (change) => {
        if (change.kind === 'wanted') onUnavailable?.(backend)
        onBackendChange?.({ backend: name, ...change })
      },
      onRelief: () => line.poke(),
    })
    return backend
  })
  const waiting: Waiting = {
    jobs: new Jobs(),
    line,
    queue,
    mostUrgent,
    clock,
    onHold,
    arrivals: 0,
    queued: 0,
    closed: undefined,
  }
  const selections = routes.map((route) => new RouteSelection(route, waiting))

  const selectionFor = (classification: Classification): RouteSelection => {
    const found = selections.find(({ route }) => route.takes(classification))
    if (found === undefined) throw new TypeError('the last route of a policy takes everything')
    return found
  }
  const byName = (name: string): Backend => {
    const backend = backends.find((candidate) => candidate.name === name)
    if (backend !== undefined) return backend
    throw new RangeError(`"${name}" is not among the backends: ${backends.map((b) => b.name).join(', ')}.`)
  }
  const select = (classification: Classification, options: SelectOptions = {}): Promise<Lease> =>
    selectionFor(classification).select(classification, options)
  return Object.assign(select, {
    clock,
    backends,
    lease: (name: string): Lease => ({
      backend: byName(name),
      route: 'chosen in code',
      timeouts: timeouts(name),
      retries: 0,
      left: () => 0,
      place: { arrival: 0, since: clock.now() },
      provenOther: () => false,
      holds: false,
      hedges: 0,
      lateAfter: () => undefined,
      spare: () => undefined,
      ...byName(name).reserve(),
    }),
    heartbeats: (classification: Classification) =>
      // Of what is not known to be a job, it is not known that its answer is JSON.
      classification.classified ? selectionFor(classification).route.heartbeats : undefined,
    held: () =>
      Object.fromEntries(
        selections.filter(({ held }) => held > 0).map(({ route, held }) => [route.name, held]),
      ),
    drain: (name: string) => byName(name).drain(),
    enable: (name: string) => byName(name).enable(),
    start: (probe: BackendProbe) => {
      for (const backend of backends) backend.start(probe)
    },
    close: () => {
      for (const backend of backends) backend.stop()
      waiting.closed = new RouterClosedError()
      line.close(waiting.closed)
    },
    useful: () =>
      backends.some((backend) => backend.obstacle([]) === undefined) ||
      selections.some((selection) => selection.holds),
  })
}
