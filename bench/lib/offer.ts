/** The functions that a process offers its parent. Arguments and answers travel as JSON, so they are plain data. */
export type Functions<F> = { [Name in keyof F]: (...args: never[]) => unknown }

export interface Call {
  readonly id: number
  readonly name: string
  readonly args: readonly unknown[]
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string }

/** In a child: answers the calls of its parent, and ends when the parent is gone. */
export function offer<F extends Functions<F>>(functions: F): void {
  process.on('disconnect', () => process.exit())
  // A Ctrl-C goes to the whole group; the parent ends its children itself.
  process.on('SIGINT', () => {})
  // So that exit handlers run.
  process.on('SIGTERM', () => process.exit())
  process.on('message', async (message) => {
    // The only sender is the parent's `Child.call`, with the same types.
    const { id, name, args } = message as Call
    const called = Object.hasOwn(functions, name) ? functions[name as keyof F] : undefined
    let reply: Reply
    try {
      if (called === undefined) throw new TypeError(`there is no function "${name}"`)
      reply = { id, ok: true, value: await called(...(args as never[])) }
    } catch (error) {
      reply = { id, ok: false, message: error instanceof Error ? error.message : String(error) }
    }
    process.send?.(reply)
  })
}
