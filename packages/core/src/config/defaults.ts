/**
 * Every documented default, in one place. A test holds the docs against this table.
 *
 * Sizes are bytes, times are milliseconds.
 */
const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/** The defaults of all options. Durations are in milliseconds, sizes in bytes. */
export const defaults = Object.freeze({
  /** Largest predict request that is accepted: what the nginx routers before us use (`client_max_body_size 32m`). */
  maxBodySize: 32 * MIB,
  /** How much of a request is read to classify it; see `ClassifyLimits` for what each counts. */
  limits: Object.freeze({
    entriesSize: 64 * KIB,
    entries: 64,
    nameLength: 256,
    jsonDepth: 32,
    jsonValues: 1_024,
    /** Starlette's `max_fields` and `max_files`. */
    parts: 1_000,
    /** python-multipart's `DEFAULT_MAX_HEADER_COUNT`. */
    partHeaders: 8,
    /** python-multipart's `DEFAULT_MAX_HEADER_SIZE`. */
    partHeaderSize: 4_224,
    headerParameters: 16,
  }),
  /** Longest boundary: python-multipart's `MAX_BOUNDARY_LENGTH`. */
  maxBoundaryLength: 256,
  /** Base path of the router. */
  path: '/',
  /** What happens to a request that cannot be classified. */
  onUnclassified: 'route',
  /** How requests reach backends: through http-proxy-3, for its events and options (docs/decisions/0013). */
  transport: 'http-proxy-3',
  /** Response header with the name of the backend that answered. */
  backendHeader: 'x-immich-ml-backend',
  /** When a response says in `x-immich-ml-route` what was decided, and why. */
  explainHeader: 'on-request',
  /** Largest `x-immich-ml-route`: Node takes 16 KiB of headers, all together. */
  routeHeaderSize: 4 * KIB,
  /** Strategy of a route that names none: the measured best (docs/decisions/0009). */
  strategy: 'peak-ewma',
  /** Share of a backend in the weighted strategies. */
  weight: 1,
  /** Tier of a backend: a higher one is used only when none of a lower one is there. */
  tier: 1,
  /** Whether a request goes elsewhere when the best backend is full. */
  spill: false,
  /** Requests that a backend gets at once: learnt. */
  maxConcurrent: 'auto',
  /** What is learnt begins with so many: one, and another to see whether that waits inside. */
  firstLimit: 2,
  /** How long nobody must have been in a hurry for one more request to wait inside a backend, ready to take over. */
  standbyAfter: 2_000,
  /** Slots of a backend that are kept for urgent requests. */
  reserve: 0,
  /** Time to open a connection to a backend. */
  connectTimeout: 2_000,
  /** Time from the sent request to the response's headers: an OCR on a slow CPU with a cold model takes minutes. */
  responseTimeout: 600_000,
  /** Longest silence between two chunks of a response. */
  idleTimeout: 120_000,
  /** Further backends that are tried when one fails: with the first, four at most. */
  retries: 3,
  /** Failures in a row after which a backend, or a task on it, is ejected. */
  ejectAfter: 3,
  /** The first ejection; each further one in a row is twice as long … */
  ejectionTime: 5_000,
  /** … up to this. */
  longestEjection: 300_000,
  /** An ejection is no longer than this while requests wait that no other backend can take. */
  hurriedEjection: 2_000,
  /** Ejections are so much longer or shorter, by chance. */
  ejectionJitter: 0.1,
  /**
   * A backend that is back gets one request at a time, and one more with each success, until it gets so many at once and
   * nobody waits: then it counts as back. A GPU has its full throughput with a handful.
   */
  slowStart: 8,
  /** How long it is believed that a backend does not have a task. */
  lackTime: 600_000,
  /** How long a backend that answers 429 is left alone, when it does not say how long. */
  busyTime: 1_000,
  /** Path of a probe: Immich's own, which loads no model. */
  healthPath: '/ping',
  /** Time between two probes of a backend. */
  healthInterval: 10_000,
  /** Time for a probe to be answered. */
  healthTimeout: 2_000,
  /** Answers in a row after which a backend that was down is up. */
  healthRise: 2,
  /** Failed probes in a row after which a backend is down. */
  healthFall: 3,
  /** The interval is so much longer or shorter, by chance. */
  probeJitter: 0.1,
  /** The interval while it is in doubt whether a backend is up or down. */
  recheckInterval: 1_000,
  /** The interval while a backend that was down answers, and for some time after it went down … */
  returnInterval: 250,
  /** … which is this: a server that restarts is back within it. */
  returnWindow: 10_000,
  /** The interval while a request waits for the backend. */
  waitingProbeInterval: 2_000,
  /**
   * The longest time between two resolutions of a name, whatever its TTL says: that of docker's own DNS is ten minutes, and
   * a container that is added should not wait for so long.
   */
  discoverInterval: 10_000,
  /** The shortest; a name that cannot be resolved is tried again behind so much. */
  resolvePause: 1_000,
  /** Time for a name to be resolved. */
  resolveTimeout: 5_000,
  /** How long a bulk request is held while no backend of its route is available: a workstation may sleep all night. */
  holdBulk: 43_200_000,
  /** The same for an interactive request: a person does not wait longer for a search. */
  holdInteractive: 15_000,
  /** Requests that are held at once on a route. */
  maxHeld: 1_000,
  /** Share of `maxHeld` that bulk requests leave to interactive ones, rounded down. */
  heldInteractiveShare: 0.1,
  /** Bytes of all held bodies together. */
  maxHeldBytes: 2 * GIB,
  /** The longest wait for a backend that is full. */
  maxWait: 600_000,
  /** What half of the longest wait is taken of, for how far the urgent go before those who came earlier. */
  longestHeadStart: 3_600_000,
  /** Requests that are queued for a slot at once, over all routes. */
  maxLength: 1_000,
  /** How often a request that waits for a better backend, while another is free, thinks again. */
  reconsiderInterval: 100,
  /** How often a backend that is wanted is woken, and `onUnavailable` told of it. */
  wakeInterval: 30_000,
  /** Where a Wake-on-LAN packet goes: to every machine of the network. */
  wakeBroadcast: '255.255.255.255',
  /** The port of Wake-on-LAN by custom: "discard". */
  wakePort: 9,
  /** How long a client waits for the first byte before it gets a heartbeat; Immich gives up at 300 s. */
  heartbeatAfter: 120_000,
  /** Time between two heartbeats. */
  heartbeatInterval: 30_000,
  /** How quickly a connection that was used before must break for it to have been stale. */
  staleWithin: 1_000,
  /** Most bytes of one answer that are kept until it is judged: faces and OCR of a large group stay below. */
  answerMemory: 1 * MIB,
  /** When a client that takes no heartbeats gets the head of its answer, or its refusal; Immich gives up at 300 s. */
  longestSilence: 240_000,
  /** The pause before a job that has failed on every candidate is sent again; it doubles with each round … */
  retryPause: 1_000,
  /** … up to this; for a request for which a person waits, up to the first. */
  longestRetryPause: 60_000,
  /** Kinds of jobs whose latency is kept apart on one backend. */
  mostKinds: 200,
  /** Jobs over which a latency is averaged. */
  latencyMemory: 16,
  /** What takes so many times as long as it should is a peak. */
  latencyPeak: 2,
  /** Time in which all but a third of a peak, or of an old latency, is forgotten. */
  latencyDecay: 10_000,
  /** A first job that takes at least this may have had to load its model. */
  modelLoading: 1_000,
  /** What has not been done for so long may take another time now. */
  latencyForgotten: 60_000,
  /** A failure counts as a latency of at least this. */
  failureLatency: 1_000,
  /** How far above its share of the requests in flight a backend may be for its models' sake. */
  affinityBound: 1.25,
  /** Failing tasks that are kept apart on one backend. */
  mostTasks: 100,
  /** Retries may be this share of the requests … */
  retryBudgetShare: 0.2,
  /** … of so many milliseconds … */
  retryBudgetWindow: 10_000,
  /** … but so many are always allowed. */
  retryBudgetMin: 3,
  /**
   * When a request is late on a route that hedges: behind the 95th percentile, so that hedging adds about 5 % of load
   * (Dean and Barroso, The Tail at Scale, https://doi.org/10.1145/2408776.2408794).
   */
  hedgeAfter: 'p95',
  /** Further copies of a request that is late. */
  hedgeMax: 1,
  /** Further copies may be this share of the requests on routes that hedge … */
  hedgeBudgetShare: 0.05,
  /** … of so many milliseconds. */
  hedgeBudgetWindow: 10_000,
  /** Latencies of a kind of job that its percentiles are of: the last so many, of which the 99th percentile is not the longest. */
  latencySamples: 100,
  /** Latencies without which there is no percentile: of so many, the 95th percentile is not the longest. */
  fewestSamples: 20,
  /** How much of a body is retained in memory for another attempt, whatever others take. */
  bodyMemory: 1 * MIB,
  /** A larger body may be in memory as well, as long as it is no larger than what all leave free of so many times that. */
  spareBodies: 32,
  /** Bodies that are retained in memory, all together. */
  totalBodyMemory: 256 * MIB,
  /** Whether larger ones go to a temp file. */
  bodySpool: true,
  /**
   * How long an idle connection to a backend is kept. The ML server closes its own after 2 s
   * (`http_keepalive_timeout_s` in Immich's config.py), so ours must end before.
   */
  keepAliveTimeout: 1_500,
  /** How much earlier than a backend's `Keep-Alive: timeout=` hint a connection is given up. */
  keepAliveMargin: 500,
  /** How long the rest of an upload is read and dropped after an early answer, so that the client can read it. */
  lingerTimeout: 30_000,
  /** How long `close()` lets running requests finish: with twice `closeGrace`, within docker's 10 s before it kills. */
  drainTimeout: 8_000,
  /** How long `close()` waits for answers to go out once the backends' connections are closed, and again once clients are cut. */
  closeGrace: 500,
  /** How long a client may send nothing of an unfinished upload that the router waits for. */
  uploadIdleTimeout: 60_000,
  /** How often uploads are checked for it. */
  uploadCheckInterval: 15_000,
  /** Time between two refusals of bulk requests to one client address. */
  refusalInterval: 1_000,
  /** Refusals that wait for their turn; further ones are sent at once. */
  maxSlowRefusals: 60,
  /** What the names of metrics begin with. */
  metricsPrefix: 'immich_ml_router_',
  /**
   * Upper bounds of durations, in seconds as Prometheus has it: from a search on a GPU to the longest OCR on a cold CPU, which
   * is `responseTimeout`.
   */
  metricsBuckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  /** Further ones for waiting until a backend is there: a machine may be off over night. */
  metricsLongBuckets: [1_800, 3_600, 14_400, 43_200],
  /** Models that have series of their own where models are a label: what is further is `other`. */
  metricsMostModels: 50,
  /** `Retry-After` of a 503, in seconds. */
  retryAfterSeconds: 5,
} as const)
