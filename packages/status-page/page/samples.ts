import type {
  BackendView,
  BackendWindow,
  DecisionView,
  Fates,
  HealthState,
  Report,
  SpanView,
  WindowView,
} from '../src/wire.ts'

/** Reports for the tests of the page, with defaults for everything that a test does not set. */
export const NO_FATES: Fates = { answered: 0, rescued: 0, 'job-failed': 0, failed: 0, refused: 0, left: 0 }

const UNUSED: BackendWindow = { jobs: 0, busy: 0, latencies: {}, verdicts: {} }

export function windowOf(length: number, rest: Partial<WindowView> = {}): WindowView {
  return { length, rate: 0, fates: NO_FATES, latencies: {}, ...rest }
}

export function backendOf(
  name: string,
  state: HealthState = 'healthy',
  rest: Partial<BackendView> = {},
): BackendView {
  const health = { state, tasks: [], failures: 0 }
  return {
    name,
    url: `http://${name}`,
    weight: 1,
    tier: 1,
    inFlight: 0,
    queued: 0,
    held: 0,
    minute: UNUSED,
    quarter: UNUSED,
    serves: [],
    models: [],
    latencies: {},
    wakes: false,
    health,
    ...rest,
  }
}

export function spanOf(index: number, rest: Partial<SpanView> = {}): SpanView {
  return { index, fates: NO_FATES, latencies: {}, backends: {}, ...rest }
}

export function decisionOf(id: number, rest: Partial<DecisionView> = {}): DecisionView {
  return {
    id,
    at: id,
    fate: 'answered',
    kind: 'search',
    job: { entries: [{ task: 'clip', type: 'textual', model: 'm' }] },
    bodySize: 0,
    responseSize: 0,
    heartbeats: 0,
    retained: true,
    queue: 0,
    hold: 0,
    total: 1,
    attempts: [],
    ...rest,
  }
}

export function reportOf(rest: Partial<Report> = {}): Report {
  return {
    whole: true,
    now: 0,
    wall: 0,
    since: 0,
    state: 'running',
    notices: [],
    actions: false,
    active: 0,
    about: { version: '1.0.0', startedAt: 0 },
    windows: { minute: windowOf(60_000), quarter: windowOf(900_000) },
    routes: [],
    backends: [],
    waiting: { count: 0, first: [] },
    spans: [],
    decisions: [],
    runs: [],
    day: [],
    events: [],
    limits: {
      decisions: 3,
      troubles: 2,
      spans: 4,
      span: 10_000,
      runs: 2,
      events: 3,
      day: 1_200_000,
      bucket: 300_000,
    },
    ...rest,
  }
}
