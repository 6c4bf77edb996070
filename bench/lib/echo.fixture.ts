import { Child } from './child.ts'
import { listen } from './listen.ts'
import { offer } from './offer.ts'

const echo = {
  double: (number: number) => number * 2,
  fail(message: string): never {
    throw new Error(message)
  },
  end(code: number): void {
    console.error('what it has to say')
    process.exit(code)
  },
  /** A sign of life: a connection to this URL closes when the process ends. */
  listen: async (): Promise<string> => (await listen(() => {})).url,
  /** The same of a child of its own. */
  listenInChild: (): Promise<string> => new Child<Echo>(new URL(import.meta.url)).call('listen'),
  die: (signal: NodeJS.Signals) => process.kill(process.pid, signal),
}

export type Echo = Omit<typeof echo, 'listenInChild'> & { listenInChild(): Promise<string> }

offer(echo)
