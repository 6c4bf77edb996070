import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { RouterOptions } from '@immich-ml-router/core'
import { FakeClock, type ImmichJob, immichForm } from '@immich-ml-router/core/testing'
import { type ImmichQueues, immichQueues } from '@immich-ml-router/immich'
import { onTestFinished } from 'vitest'
import { StubImmich } from '../../packages/immich/src/testing/stub-immich.ts'
import { serveRouter } from './router-server.ts'
import { temporaryDirectory } from './temporary-file.ts'

/** A line that the module logged. */
export interface LoggedLine {
  readonly message: string
  readonly fields: object
}

/** Starts a stand-in for Immich, and closes it after the test. */
export async function stubImmich(): Promise<StubImmich> {
  const stub = await StubImmich.start()
  onTestFinished(() => stub.close())
  return stub
}

/** A path for a state file in a directory of its own. */
export async function statePath(): Promise<string> {
  const directory = await temporaryDirectory()
  return join(directory, 'queues.json')
}

/** How long sockets and the disk get after each second of the clock, in milliseconds. */
const REAL_STEP = 4
/** Seconds of the clock after which it runs faster. What must happen within a few seconds has happened by then. */
const SOON = 100
/** How long a slow disk may take although the clock runs on, in milliseconds. */
const PATIENCE = 5_000

/** Advances a clock by the second after `passed` others. */
async function step(clock: FakeClock, passed: number): Promise<void> {
  clock.advance(1_000)
  await setTimeout(passed < SOON ? REAL_STEP : 1)
}

/** Advances a clock in seconds until a condition holds. @returns The seconds that it took. */
export async function passUntil(
  clock: FakeClock,
  holds: () => boolean,
  what: string,
  most = 600,
): Promise<number> {
  const start = performance.now()
  for (let seconds = 0; seconds <= most || performance.now() - start < PATIENCE; seconds++) {
    if (holds()) return seconds
    await step(clock, seconds)
  }
  throw new Error(`not within ${most} s: ${what}`)
}

/** Advances a clock by seconds. */
export async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) await step(clock, i)
}

/** A router with Immich's queues, on a clock that the test advances. */
export async function serveWithQueues(options: RouterOptions, clock = new FakeClock()) {
  const served = await serveRouter({ hold: { bulk: '1h' }, health: { rise: 1 }, ...options, clock })
  const lines: LoggedLine[] = []
  const add = (fields: object, message: string) => void lines.push({ message, fields })
  const queues: ImmichQueues = immichQueues(served.router, { clock, logger: { info: add, warn: add } })
  const send = (job: ImmichJob, signal?: AbortSignal) =>
    fetch(`${served.url}/predict`, {
      method: 'POST',
      body: immichForm(job),
      ...(signal === undefined ? {} : { signal }),
    })
  const messages = () => lines.map(({ message }) => message)
  return { ...served, clock, queues, lines, messages, send }
}
