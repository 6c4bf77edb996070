import type { FaultRow } from '../../test/support/fault-rows.ts'
import { Child } from '../lib/child.ts'
import { now, percentile, sleepUntil } from '../lib/stats.ts'
import type { Backends } from './backends.ts'
import { type Contender, type Entrant, enter } from './contenders.ts'
import { figuresOf, type IdleP95, type Restart } from './figures.ts'
import type { Load } from './load.ts'
import { BACKENDS, type Timeline, timelineOf } from './timeline.ts'

/** Until a load begins, so that its command has arrived by then, in milliseconds. */
const LEAD = 20

/** Idle searches that are not counted, while the code is compiled. */
const COLD = 5

export type Cell = Awaited<ReturnType<typeof measure>>

const startBackends = () => new Child<Backends>(new URL('./backends.ts', import.meta.url))
const startLoad = () => new Child<Load>(new URL('./load.ts', import.meta.url))

/** Measures one contender in one row. Every process is new. */
export async function measure(row: FaultRow, contender: Contender, seconds: number, idle: IdleP95) {
  await using backends = startBackends()
  await using entrant = await enter(contender, await backends.call('start', BACKENDS))
  await using load = startLoad()
  await load.call('prepare', entrant.urls)
  const timeline = timelineOf(row, seconds)
  const begins = now() + LEAD
  const [{ records, cores }, restart] = await Promise.all([
    load.call('run', begins, seconds, row.undecodable ?? 0),
    row.restart === true ? restartAt(entrant, begins, timeline) : undefined,
    breakBackends(row, backends, begins, timeline),
  ])
  const figures = figuresOf(row, timeline, records, idle, restart)
  return { row: row.name, contender: contender.name, ...figures, generatorCores: cores }
}

/** p95 of searches sent straight to each backend, while nothing else runs. */
export async function measureIdle(seconds: number): Promise<IdleP95> {
  const p95: number[] = []
  for (const spec of BACKENDS) {
    await using backends = startBackends()
    await using load = startLoad()
    await load.call('prepare', await backends.call('start', [spec]))
    const { records } = await load.call('run', now() + LEAD, seconds, 0, true)
    const latencies = records
      .slice(Math.min(COLD, records.length - 1))
      .map(({ start, end }) => (end ?? Number.NaN) - start)
    p95.push(percentile(latencies, 0.95))
  }
  const [gpu = Number.NaN, nas = Number.NaN] = p95
  return { gpu, nas }
}

async function breakBackends(row: FaultRow, backends: Child<Backends>, begins: number, { faulty }: Timeline) {
  for (const { from, to } of faulty) {
    await sleepUntil(begins + from * 1000)
    await backends.call('setFaults', row.faults ?? {})
    await sleepUntil(begins + to * 1000)
    await backends.call('setFaults', {})
  }
}

async function restartAt(entrant: Entrant, begins: number, { faultAt }: Timeline): Promise<Restart> {
  await sleepUntil(begins + faultAt * 1000)
  const signalled = now() - begins
  await entrant.terminate?.()
  const exited = now() - begins
  await entrant.start?.()
  return { signalled, exited, listening: now() - begins }
}
