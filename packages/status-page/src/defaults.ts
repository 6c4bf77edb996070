/** Fixed limits of the status page, and the defaults of its options. Sizes are bytes, times are milliseconds. */
export const defaults = Object.freeze({
  /** Path of the page. */
  basePath: '/_router',
  /** Completed requests that the page shows. */
  decisions: 200,
  /** Completed requests with a fate other than `answered`, kept in addition. */
  troubles: 50,
  /** Length of the short window of the figures. */
  minute: 60_000,
  /** Time that the plots and the long window of the figures cover. */
  history: 900_000,
  /** Length of one span of the plots. */
  span: 10_000,
  /** Finished runs that are kept. */
  runs: 10,
  /** Time without bulk jobs after which a run has ended. */
  runGap: 300_000,
  /** Jobs of the shortest run; fewer are not shown. */
  runJobs: 30,
  /** Time that the history of the day covers. */
  day: 86_400_000,
  /** Length of one bucket of the day. */
  bucket: 300_000,
  /** Events that are kept. */
  events: 200,
  /** Shortest time between two writes of the history file. */
  save: 60_000,
  /** Largest history file that is read. */
  historySize: 1024 * 1024,
  /** Time between two reports to the viewers. */
  interval: 1_000,
  /** Longest time without a report, so that the page can tell an idle router from a lost one. */
  beat: 5_000,
  /** Time between two tests of the first-run card. */
  testInterval: 10_000,
  /** Longest time of a test: below the 60 s after which a reverse proxy gives up. */
  testTime: 55_000,
  /** Viewers at once: each is an open response. */
  viewers: 100,
  /** Unread bytes after which a viewer is disconnected. */
  backlog: 1024 * 1024,
} as const)
