import type { Call, Functions, Reply } from './rpc.ts'

/** In a child: answers the calls of its parent, and ends when that is gone, however it went. */
export function offer<F extends Functions<F>>(functions: F): void {
  process.on('disconnect', () => process.exit())
  // A Ctrl-C goes to the whole group; the parent ends its children itself.
  process.on('SIGINT', () => {})
  // So that what is to be done on exit is done.
  process.on('SIGTERM', () => process.exit())
  process.on('message', async (message) => {
    // The only sender is the parent's `Child.call`, with the same types.
    const { id, name, args } = message as Call
    const called = Object.hasOwn(functions, name) ? functions[name as keyof F] : undefined
    try {
      if (called === undefined) throw new TypeError(`there is no function "${name}"`)
      reply({ id, ok: true, value: await called(...(args as never[])) })
    } catch (error) {
      reply({ id, ok: false, message: error instanceof Error ? error.message : String(error) })
    }
  })
}

function reply(message: Reply): void {
  process.send?.(message)
}
