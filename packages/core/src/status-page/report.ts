import { defaults } from '../config/defaults.ts'
import type { Router, RouterStatus } from '../router/router.ts'
import { decisionView } from './decision-view.ts'
import { healthView } from './health-view.ts'
import { rounded } from './history.ts'
import { jobView } from './job-view.ts'
import type { Recorder } from './recorder.ts'
import type { BackendView, Limits, Report, WaiterView } from './wire.ts'

/** How far somebody has been told. */
export interface Mark {
  /** The last decision. */
  readonly decision: number
  /** The last change of the history. */
  readonly change: number
}

export const BEGINNING: Mark = { decision: 0, change: 0 }

/** Of more, only the number is told. */
const MOST_WAITERS = 40
/** The kinds of jobs are named by clients; of each backend, the last are told. */
const MOST_KINDS = 20

const LIMITS: Limits = {
  decisions: defaults.statusDecisions,
  troubles: defaults.statusTroubles,
  spans: defaults.statusHistory / defaults.statusSpan,
  span: defaults.statusSpan,
}

/** What there is to tell about a router. */
export class Reporter {
  readonly #router: Router
  readonly #recorder: Recorder
  readonly #actions: boolean
  readonly #since: number

  constructor(router: Router, recorder: Recorder, actions: boolean) {
    this.#router = router
    this.#recorder = recorder
    this.#actions = actions
    this.#since = router.status().now
  }

  /** The mark of what there is now. */
  get mark(): Mark {
    return { decision: this.#recorder.count, change: this.#recorder.history.changes }
  }

  /** What there is behind a mark. */
  report(mark: Mark): Report {
    const { state, now, active, held, notices, backends } = this.#router.status()
    const { history } = this.#recorder
    return {
      whole: mark === BEGINNING,
      now: rounded(now),
      wall: Date.now(),
      since: rounded(this.#since),
      state,
      notices: notices.map(({ message }) => `${message}.`),
      actions: this.#actions,
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
  const { name, url, endpoint, weight, tier, inFlight, limit, held, latencies, wakes } = backend
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
    wakes,
  }
}
