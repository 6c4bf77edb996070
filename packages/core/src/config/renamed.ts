/** Former options by the end of their path, and their new names. */
const RENAMED: readonly (readonly [path: RegExp, message: string])[] = [
  [/(^|\.)whenUnavailable$/, 'is now hold: write hold: 12h'],
  [/(^|\.)health\.ejectOn$/, 'is now answers'],
]

/** The message for an option with a new name; `undefined` for any other. */
export function renamed(path: string): string | undefined {
  return RENAMED.find(([pattern]) => pattern.test(path))?.[1]
}
