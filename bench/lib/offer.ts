import { createBirpc } from 'birpc'

/** In a child: answers the calls of its parent, and ends when the parent is gone. */
export function offer(functions: object): void {
  process.on('disconnect', () => process.exit())
  // A Ctrl-C goes to the whole group; the parent ends its children itself.
  process.on('SIGINT', () => {})
  // So that exit handlers run.
  process.on('SIGTERM', () => process.exit())
  createBirpc(functions, {
    post: (message) => process.send?.(message),
    on: (receive) => process.on('message', receive),
  })
}
