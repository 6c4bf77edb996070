import { parseArgs } from 'node:util'

/** The command line options of a gateway. */
export interface Args {
  /** Whether to print the configuration in words and exit. */
  readonly check: boolean
  /** A file with a request; the gateway prints where it would go and exits. */
  readonly explain?: string | undefined
}

export const USAGE = `usage: npm start -- [--check | --explain <file>]

  --check           prints the configuration in words, or every mistake in it, and exits
  --explain <file>  prints where the request in a file would go, and why, and exits`

/** @throws {TypeError} if an option is unknown or lacks its value. */
export function readArgs(args: readonly string[]): Args {
  const { values } = parseArgs({
    args: [...args],
    options: { check: { type: 'boolean', default: false }, explain: { type: 'string' } },
  })
  return values
}
