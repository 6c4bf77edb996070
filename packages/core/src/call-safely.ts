/** Calls a listener from outside. One that throws must not fail what it was told of: its error is a warning of the process. */
export function callSafely(listener: () => unknown): void {
  try {
    listener()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error))
  }
}
