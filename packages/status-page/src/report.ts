import type { Router, RouterStatus } from '@immich-ml-router/core'
import { decisionView } from './decision-view.ts'
import { defaults } from './defaults.ts'
import { healthView } from './health-view.ts'
import { rounded } from './history.ts'
import { jobView } from './job-view.ts'
import type { Recorder } from './recorder.ts'
import type { BackendView, Limits, Report, WaiterView } from './wire.ts'

/** What the viewers already have. */
export interface Mark {
  /** Id of the last decision. */
  readonly decision: number
  /** Number of the last change of the history. */
  readonly change: number
}

export const START: Mark = { decision: 0, change: 0 }

/** Queued and held requests in a report; of the others only the count. */
const MOST_WAITERS = 40
/** Kinds of jobs per backend, the latest. Clients choose the names, so there can be many. */
const MOST_KINDS = 20

const LIMITS: Limits = {
  decisions: defaults.decisions,
  troubles: defaults.troubles,
  spans: defaults.history / defaults.span,
  span: defaults.span,
}

/** What the page says and offers besides the router's state. */
export interface ReporterOptions {
  /** Whether backends can be drained, enabled and woken. */
  readonly actions: boolean
  /** A sentence at the top of the page. */
  readonly notice?: string | undefined
}

/** Builds the reports about one router. */
export class Reporter {
  readonly #router: Router
  readonly #recorder: Recorder
  readonly #options: ReporterOptions
  readonly #since: number

  constructor(router: Router, recorder: Recorder, options: ReporterOptions) {
    this.#router = router
    this.#recorder = recorder
    this.#options = options
    this.#since = router.status().now
  }

  /** The mark of the current state. */
  get mark(): Mark {
    return { decision: this.#recorder.count, change: this.#recorder.history.changes }
  }

  /** Everything that changed after a mark. */
  report(mark: Mark): Report {
    const { state, now, active, held, notices, backends } = this.#router.status()
    const { history } = this.#recorder
    const { actions, notice } = this.#options
    return {
      whole: mark === START,
      now: rounded(now),
      wall: Date.now(),
      since: rounded(this.#since),
      state,
      notices: [...(notice === undefined ? [] : [notice]), ...notices.map(({ message }) => `${message}.`)],
      actions,
      active,
      figures: history.figures(now),
      backends: backends.map((backend) => backendView(backend, now)),
      waiting: { count: Object.values(held).reduce((sum, count) => sum + count, 0), first: this.#waiters() },
      spans: history.changedSince(mark.change, now),
      decisions: this.#recorder.decisionsSince(mark.decision).map(decisionView),
      limits: LIMITS,
    }
  }

  #waiters(): WaiterView[] {
    const first: WaiterView[] = []
    for (const { route, reason, start, classification, client } of this.#router.waiting()) {
      first.push({ route, reason, at: rounded(start), job: jobView(classification), client })
      if (first.length === MOST_WAITERS) break
    }
    return first
  }
}

function backendView(backend: RouterStatus['backends'][number], now: number): BackendView {
  const { name, url, endpoint, weight, tier, inFlight, limit, held, latencies, canaries, wakes } = backend
  const kinds = Object.entries(latencies).slice(-MOST_KINDS)
  return {
    name,
    url,
    endpoint,
    weight,
    tier,
    inFlight,
    limit,
    waiting: held,
    latencies: Object.fromEntries(kinds.map(([kind, time]) => [kind, rounded(time)])),
    health: healthView(backend, now),
    canaries: canaries.passed + canaries.failed === 0 ? undefined : canaries,
    wakes,
  }
}
