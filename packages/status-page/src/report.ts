import type { Router, RouterStatus } from '@immich-ml-router/core'
import packageJson from '../package.json' with { type: 'json' }
import { type Decision, decisionView } from './decision-view.ts'
import { defaults } from './defaults.ts'
import { healthView } from './health-view.ts'
import { jobView, kindOf } from './job-view.ts'
import type { Recorder } from './recorder.ts'
import { Routes } from './routes.ts'
import { rounded } from './tally.ts'
import type { Window } from './window.ts'
import type {
  AboutView,
  BackendView,
  HealthState,
  Limits,
  QueuesView,
  Report,
  RunView,
  SetupView,
  WaiterView,
} from './wire.ts'

/** What the viewers already have. */
export interface Mark {
  /** Id of the last decision. */
  readonly decision: number
  /** Number of the last change of the history. */
  readonly change: number
  /** Number of the last change of the archive. */
  readonly archive: number
}

export const START: Mark = { decision: 0, change: 0, archive: 0 }

/** Queued and held requests in a report; of the others only the count. */
const MOST_WAITERS = 40
/** Kinds of jobs per backend, the latest. Clients choose the names, so there can be many. */
const MOST_KINDS = 20

const LIMITS: Limits = {
  decisions: defaults.decisions,
  troubles: defaults.troubles,
  spans: defaults.history / defaults.span,
  span: defaults.span,
  runs: defaults.runs,
  events: defaults.events,
  day: defaults.day,
  bucket: defaults.bucket,
}

/** What the page says and offers besides the router's state. */
export interface ReporterOptions {
  /** Whether backends can be drained, enabled and woken. */
  readonly actions: boolean
  /** Source of the configuration. */
  readonly config?: string | undefined
  readonly queues?: (() => QueuesView | undefined) | undefined
  /** How Immich reaches the router, as far as known. */
  readonly setup?: (() => SetupView | undefined) | undefined
}

/** The windows of a report. */
interface Windows {
  readonly minute: Window
  readonly quarter: Window
}

/** Builds the reports about one router. */
export class Reporter {
  readonly #router: Router
  readonly #recorder: Recorder
  readonly #options: ReporterOptions
  readonly #since: number
  readonly #about: AboutView
  readonly #routes: Routes

  constructor(router: Router, recorder: Recorder, options: ReporterOptions) {
    this.#router = router
    this.#recorder = recorder
    this.#options = options
    this.#since = router.status().now
    this.#about = { version: packageJson.version, startedAt: Date.now(), config: options.config }
    this.#routes = new Routes(router)
  }

  /** The model of the last search or indexed image that was answered. */
  get model(): string | undefined {
    const isSuch = ({ kind, fate }: Decision) =>
      (kind === 'search' || kind === 'indexing') && (fate === 'answered' || fate === 'rescued')
    return this.#recorder.decisionsSince(0).findLast(isSuch)?.job.entries[0]?.model
  }

  /** The mark of the current state. */
  get mark(): Mark {
    const { count, history, archive } = this.#recorder
    return { decision: count, change: history.changes, archive: archive.changes }
  }

  /** Everything that changed after a mark. */
  report(mark: Mark): Report {
    const status = this.#router.status()
    const { state, now, active, held, notices, backends } = status
    this.#recorder.recordUse(status)
    const { history, archive } = this.#recorder
    const minute = history.window(now, defaults.minute)
    const quarter = history.window(now, defaults.history)
    archive.settle(this.#isBulkWaiting())
    const { actions, setup } = this.#options
    const queues = queuesOf(this.#options.queues?.())
    const { runs, ...archived } = archive.changedSince(mark.archive, queues !== undefined)
    const isNew = this.#recorder.count === 0 && active === 0
    return {
      whole: mark === START,
      now: rounded(now),
      wall: Date.now(),
      since: rounded(this.#since),
      state,
      notices: notices.map(({ kind, level, message }) => ({ kind, level, message })),
      actions,
      active,
      about: this.#about,
      windows: { minute: minute.view, quarter: quarter.view },
      backends: backendViews(backends, this.#recorder, { minute, quarter }, now),
      routes: this.#routes.views(status, { minute, quarter }),
      waiting: { count: Object.values(held).reduce((sum, count) => sum + count, 0), first: this.#waiters() },
      spans: history.changedSince(mark.change, now),
      decisions: this.#recorder.decisionsSince(mark.decision).map(decisionView),
      ...archived,
      runs: withExpected(runs, queues),
      limits: LIMITS,
      queues,
      setup: isNew ? setup?.() : undefined,
    }
  }

  runs(): readonly RunView[] {
    const { archive } = this.#recorder
    archive.settle(this.#isBulkWaiting())
    return archive.changedSince(START.archive).runs
  }

  #isBulkWaiting(): boolean {
    for (const { classification } of this.#router.waiting())
      if (kindOf(classification) !== 'search') return true
    return false
  }

  #waiters(): WaiterView[] {
    const first: WaiterView[] = []
    for (const { route, reason, start, classification, client } of this.#router.waiting()) {
      const [kind, job] = [kindOf(classification), jobView(classification)]
      first.push({ route, reason, at: rounded(start), kind, job, client })
      if (first.length === MOST_WAITERS) break
    }
    return first
  }
}

type BackendStatus = RouterStatus['backends'][number]

/** States in which a backend gets no requests. */
const UNAVAILABLE: ReadonlySet<HealthState> = new Set([
  'trial',
  'ejected',
  'down',
  'unresolved',
  'drained',
  'removed',
])

/** The current run with what Immich still has to do, if Immich has told that and has no problem. */
function withExpected(runs: readonly RunView[], view: QueuesView | undefined): readonly RunView[] {
  if (view?.updated === undefined || view.problem !== undefined) return runs
  const { queues } = view
  const remaining = queues.reduce((sum, queue) => sum + queue.remaining, 0)
  const ends = queues.flatMap(({ expectedEnd }) => expectedEnd ?? [])
  // A queue with jobs and without an end is paused, or none of its jobs was done yet.
  const isKnown =
    ends.length > 0 && queues.every((queue) => queue.remaining === 0 || queue.expectedEnd !== undefined)
  const expectedEnd = isKnown ? Math.max(...ends) : undefined
  return runs.map((run) => (run.end === undefined ? { ...run, remaining, expectedEnd } : run))
}

/** Only what the page shows. */
function queuesOf(view: QueuesView | undefined): QueuesView | undefined {
  if (view === undefined) return undefined
  const queues = view.queues.map(({ name, remaining, active, pausedBy, expectedEnd, lost }) => ({
    name,
    remaining,
    active,
    pausedBy,
    expectedEnd,
    lost,
  }))
  return { updated: view.updated, problem: view.problem, queues }
}

function backendViews(
  backends: readonly BackendStatus[],
  { models }: Recorder,
  { minute, quarter }: Windows,
  now: number,
): BackendView[] {
  return [...Map.groupBy(backends, ({ name }) => name)].flatMap(([name, endpoints]) => {
    const views = endpoints.map((backend) => stateView(backend, now))
    const state = {
      isAvailable: views.some(({ health }) => !UNAVAILABLE.has(health.state)),
      isLimited: views.every(({ limit }) => limit !== undefined),
    }
    const traffic = {
      models: models.of(name),
      minute: minute.backendOf(name, state),
      quarter: quarter.backendOf(name, state),
    }
    return views.map((view) => ({ ...view, ...traffic }))
  })
}

/** A backend, without its traffic. */
function stateView(backend: BackendStatus, now: number): Omit<BackendView, keyof Windows | 'models'> {
  const { waiting, latencies, canaries, tasks = [], wokeAt, warming } = backend
  const kinds = Object.entries(latencies).slice(-MOST_KINDS)
  return {
    ...identityOf(backend),
    queued: waiting.full,
    held: waiting.unavailable,
    latencies: Object.fromEntries(kinds.map(([kind, time]) => [kind, rounded(time)])),
    health: healthView(backend, now),
    canaries: canaries.passed + canaries.failed === 0 ? undefined : canaries,
    serves: tasks,
    loading: warming.length === 0 ? undefined : warming,
    wokeAt: wokeAt === undefined ? undefined : rounded(wokeAt),
  }
}

/** The members that a status and a report have in common. */
function identityOf({ name, url, endpoint, weight, tier, inFlight, limit, wakes }: BackendStatus) {
  return { name, url, endpoint, weight, tier, inFlight, limit, wakes }
}
