import { parseArgs } from 'node:util'

/** What a gateway is started with on its command line. */
export interface Args {
  /** Whether it only says what it is configured to do. */
  readonly check: boolean
  /** A file with a request, of which it only says where it would go. */
  readonly explain?: string | undefined
}

export const USAGE = `usage: npm start -- [--check | --explain <file>]

  --check           says what is configured, or every mistake in it, and starts nothing
  --explain <file>  says where the request in a file would go, and why, and starts nothing`

/** @throws {TypeError} when there is something that it does not know. */
export function readArgs(args: readonly string[]): Args {
  const { values } = parseArgs({
    args: [...args],
    options: { check: { type: 'boolean', default: false }, explain: { type: 'string' } },
  })
  return values
}
