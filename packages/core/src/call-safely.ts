/** Calls a user's listener. If it throws, emits a process warning instead of failing the caller. */
export function callSafely(listener: () => unknown): void {
  try {
    listener()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error))
  }
}
