/** A mistake in a configuration file, or a warning. */
export interface FileMistake {
  /** Its line, from 1. */
  readonly line: number
  /** Its column, from 1. */
  readonly column: number
  /** The place and the mistake: `router.yaml:4:5: backends.gpu.wieght is not an option. Did you mean "weight"?`. */
  readonly text: string
  /** The line of the file with a caret below the place; without secrets. */
  readonly excerpt: string
}

/**
 * A configuration file is not valid. Its message has every mistake, with its place and an excerpt of the file.
 *
 * @example
 * ```ts
 * import { ConfigFileError, readConfig } from '@immich-ml-router/gateway-kit'
 *
 * try {
 *   await readConfig(process.env, { path: 'router.yaml' })
 * } catch (error) {
 *   if (error instanceof ConfigFileError) for (const { text } of error.mistakes) console.error(text)
 * }
 * ```
 */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError'
  /** Every mistake, in the order of the file. */
  readonly mistakes: readonly FileMistake[]
  /** The mistakes in one line, for a log. */
  readonly summary: string

  /** @param path The file. */
  constructor(path: string, mistakes: readonly FileMistake[], options?: ErrorOptions) {
    const count = `${path} has ${mistakes.length} mistake${mistakes.length === 1 ? '' : 's'}`
    const sorted = mistakes.toSorted((a, b) => a.line - b.line || a.column - b.column)
    super(`${count}:\n\n${sorted.map(mistakeText).join('\n\n')}`, options)
    this.mistakes = sorted
    this.summary = `${count}: ${sorted.map(({ text }) => text).join(' ')}`
  }
}

/** A mistake with its excerpt. */
export function mistakeText({ text, excerpt }: FileMistake): string {
  return `${text}\n${excerpt}`
}
