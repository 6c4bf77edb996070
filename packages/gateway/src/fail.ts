import { MissingConfigError } from '@immich-ml-router/gateway-kit'
import { EXIT } from './exit-codes.ts'
import { NAME } from './name.ts'

/** Prints why a command failed and sets the exit code. */
export function fail(error: unknown): void {
  process.stderr.write(`${NAME}: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = error instanceof MissingConfigError ? EXIT.usage : EXIT.failed
}

/**
 * Lets a command end well when the reader of its output ends first, as in `immich-ml-router check | head`. Not for `run`, whose
 * log never ends the process.
 */
export function allowClosedPipe(): void {
  process.stdout.on('error', (error) => {
    if (!('code' in error) || error.code !== 'EPIPE') fail(error)
  })
}
