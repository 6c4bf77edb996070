/** The exit codes of every command. */
export const EXIT = {
  /** The command did what it was asked to do. */
  ok: 0,
  /** It could not: a mistake in the configuration, a port in use, an unhealthy gateway, a job without a backend. */
  failed: 1,
  /** The command line is wrong, or no backend is configured. */
  usage: 2,
} as const
