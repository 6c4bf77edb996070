/** Options of earlier versions by the end of their path, and what to write instead. */
const RENAMED: readonly (readonly [path: RegExp, message: string])[] = [
  [/(^|\.)whenUnavailable$/, 'is now hold: write hold: 12h'],
  [/^forwarder$/, 'is now transport'],
  [/(^|\.)health\.ejectOn$/, 'is now answers'],
]

/** What to tell of an option that has another name now; `undefined` for any other. */
export function renamed(path: string): string | undefined {
  return RENAMED.find(([pattern]) => pattern.test(path))?.[1]
}
