import { Child } from './child.ts'
import type { Echo } from './echo.fixture.ts'
import { offer } from './offer.ts'

const child = new Child<Echo>(new URL('./echo.fixture.ts', import.meta.url))

/** A process that has a child of its own. */
const parent = {
  childPort: (host: string) => child.call('listen', host),
  die(signal: NodeJS.Signals): void {
    process.kill(process.pid, signal)
  },
}

export type Parent = typeof parent

offer(parent)
