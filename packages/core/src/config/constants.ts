const KIB = 1024

/**
 * Fixed values that no option sets. `npm run docs` writes them into docs/reference.md with their comments and units.
 */
export const constants = Object.freeze({
  /** Longest boundary: python-multipart's `MAX_BOUNDARY_LENGTH`. */
  maxBoundaryLength: 256, // characters
  /** Largest `x-immich-ml-route`: Node accepts 16 KiB of headers in total. */
  routeHeaderSize: 4 * KIB, // bytes
  /** Initial learned concurrency limit: one request, and a second to see whether it queues inside the backend. */
  firstLimit: 2,
  /** Time without urgent requests before one extra request queues inside a backend. */
  standbyAfter: 2_000, // ms
  /** Failures in a row after which a backend, or a task on it, is ejected. */
  ejectAfter: 3,
  /** Length of the first ejection; it doubles with each ejection in a row. */
  ejectionTime: 5_000, // ms
  /** Longest ejection. */
  longestEjection: 300_000, // ms
  /** Longest ejection while requests wait that no other backend can serve. */
  hurriedEjection: 2_000, // ms
  /** Jitter of the ejection time. */
  ejectionJitter: 0.1,
  /**
   * A recovering backend gets one request at a time, and one more with each success. It has recovered when it has so many
   * in flight and no request waits. A GPU has its full throughput with a handful.
   */
  slowStart: 8,
  /** How long a backend is expected to lack a task. */
  lackTime: 600_000, // ms
  /** How long a 429 without `Retry-After` throttles a backend. */
  busyTime: 1_000, // ms
  /** Jitter of the probe interval. */
  probeJitter: 0.1,
  /** Probe interval while the state of a backend is in doubt. */
  recheckInterval: 1_000, // ms
  /** Probe interval while an unhealthy backend answers, and for `returnWindow` after it became unhealthy. */
  returnInterval: 250, // ms
  /** Time in which a restarting server usually returns. */
  returnWindow: 10_000, // ms
  /** Probe interval while a request waits for the backend. */
  waitingProbeInterval: 2_000, // ms
  /** Bulk requests that want a sleeping backend after such a pause begin the time of `wake.when.atMostAfter` again. */
  wakeWantGap: 600_000, // ms
  /** Shortest time between two resolutions; also the pause after one that failed. */
  resolvePause: 1_000, // ms
  /** Time for a name to be resolved. */
  resolveTimeout: 5_000, // ms
  /** Share of `maxHeld` that is reserved for interactive requests, rounded down. */
  heldInteractiveShare: 0.1,
  /** Most of `maxWait` that counts for how far urgent requests go ahead of earlier ones. */
  longestHeadStart: 3_600_000, // ms
  /** Tenants, or client addresses, that take turns in the queue; further ones share one turn. */
  mostTenants: 100,
  /** How often a request that waits for a better backend is decided again while another is free. */
  reconsiderInterval: 100, // ms
  /** A reused connection that breaks within this time counts as stale. */
  staleWithin: 1_000, // ms
  /** When a client that accepts no heartbeats gets its response headers, or its refusal. Immich gives up at 300 s. */
  longestSilence: 240_000, // ms
  /** Pause before a job that failed on every candidate is retried; it doubles with each round. */
  retryPause: 1_000, // ms
  /** Longest such pause; for an interactive request, the first. */
  longestRetryPause: 60_000, // ms
  /** Kinds of jobs with their own latency on one backend. */
  mostKinds: 200,
  /** Jobs over which a latency is averaged. */
  latencyMemory: 16,
  /** A latency of so many times the expected one is a peak. */
  latencyPeak: 2,
  /** Time in which a peak, or an old latency, decays to a third. */
  latencyDecay: 10_000, // ms
  /** A first job of at least this latency may have loaded its model. */
  modelLoading: 1_000, // ms
  /** A latency without new samples for this time may be outdated. */
  latencyForgotten: 60_000, // ms
  /** A failure counts as a latency of at least this. */
  failureLatency: 1_000, // ms
  /** Most requests in flight of a backend with the right model, as a multiple of its share. */
  affinityBound: 1.25,
  /** Tasks and types with their own health on one backend. */
  mostTasks: 100,
  /** Retries, as a share of the requests within `retryBudgetWindow`. */
  retryBudgetShare: 0.2,
  /** Window of the retry budget. */
  retryBudgetWindow: 10_000, // ms
  /** Retries that are always allowed. */
  retryBudgetMin: 3,
  /** Hedges, as a share of the requests on routes with `hedge`. */
  hedgeBudgetShare: 0.05,
  /** Window of the hedge budget. */
  hedgeBudgetWindow: 10_000, // ms
  /** Further copies of searches whose backend may be frozen, as a share of the searches within `hedgeBudgetWindow`. */
  rescueBudgetShare: 0.2,
  /** Such copies that are always allowed within `hedgeBudgetWindow`. */
  rescueBudgetMin: 10,
  /** Latest latencies of a kind of job that percentiles are computed from: enough that p99 is not the maximum. */
  latencySamples: 100,
  /** Fewest latencies for a percentile: enough that p95 is not the maximum. */
  fewestSamples: 20,
  /** Size of the shared buffer for larger bodies, as a multiple of `bodyMemory`. */
  spareBodies: 32,
  /**
   * How long an idle connection to a backend is kept. The ML server closes its own after 2 s
   * (`http_keepalive_timeout_s` in Immich's config.py), so ours must close earlier.
   */
  keepAliveTimeout: 1_500, // ms
  /** How much earlier than a backend's `Keep-Alive: timeout=` hint a connection is closed. */
  keepAliveMargin: 500, // ms
  /** How long the rest of an upload is read and dropped after an early response, so that the client can read the response. */
  lingerTimeout: 30_000, // ms
  /** How long `close()` lets running requests finish: with twice `closeGrace`, within docker's 10 s before it kills. */
  drainTimeout: 8_000, // ms
  /** How long `close()` waits for responses after it closed the connections to backends, and again before and after it cuts clients off. */
  closeGrace: 500, // ms
  /** Longest silence of a client in an upload that the router waits for. */
  uploadIdleTimeout: 60_000, // ms
  /** How often uploads are checked for that. */
  uploadCheckInterval: 15_000, // ms
  /** Time between two refusals of bulk requests to one client address. */
  refusalInterval: 1_000, // ms
  /** Delayed refusals; further ones are sent at once. */
  maxSlowRefusals: 60,
  /** Prefix of metric names. */
  metricsPrefix: 'immich_ml_router_',
  /**
   * Upper bounds of duration buckets in seconds: from a search on a GPU to the longest OCR on a cold CPU, the default of
   * `timeouts.response`.
   */
  metricsBuckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  /** Further buckets for held requests: a machine may be off overnight. */
  metricsLongBuckets: [1_800, 3_600, 14_400, 43_200],
  /** Models with their own series where the model is a label; the others are `other`. */
  metricsMostModels: 50,
  /** Tenants with their own series where the tenant is a label; the others are `other`. */
  metricsMostTenants: 50,
  /** `Retry-After` of a 503, in seconds. */
  retryAfterSeconds: 5, // s
} as const)
