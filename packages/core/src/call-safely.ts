/** Calls a user's listener. If it throws, emits a process warning instead of failing the caller. */
export function callSafely(listener: () => unknown): void {
  try {
    listener()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error))
  }
}

/** What was thrown, as an error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
