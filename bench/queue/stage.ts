import type { BackendName, FaultRow } from '../../test/support/fault-rows.ts'
import { Child } from '../lib/child.ts'
import { now, percentile, sleepUntil } from '../lib/stats.ts'
import type { Backends } from './backends.ts'
import { type Contender, type Entrant, enter } from './contenders.ts'
import { figuresOf, type Restart } from './figures.ts'
import type { Load } from './load.ts'
import { BACKENDS, type BackendSpec, type Timeline, timelineOf } from './timeline.ts'

/** Until a load begins, so that its command has arrived by then, in milliseconds. */
const LEAD = 20

/** Idle searches that are not counted, while the code is compiled. */
const COLD = 5

export type Cell = Awaited<ReturnType<typeof measure>>

/** Measures one contender in one row. Every process is new. */
export async function measure(
  row: FaultRow,
  contender: Contender,
  seconds: number,
  idle: Readonly<Record<BackendName, number>>,
) {
  return withBackends(BACKENDS, async (backends, urls) => {
    const entrant = await enter(contender, urls)
    const load = new Child<Load>(new URL('./load.ts', import.meta.url))
    try {
      await load.call('prepare', entrant.urls)
      const timeline = timelineOf(row, seconds)
      const begins = now() + LEAD
      const { undecodable = 0 } = row
      const [{ records, cores }, restart] = await Promise.all([
        load.call('run', { begins, seconds, undecodable }),
        row.restart === true ? restartAt(entrant, begins, timeline) : undefined,
        breakBackends(row, backends, begins, timeline),
      ])
      const figures = figuresOf(row, timeline, records, idle, restart)
      return { row: row.name, contender: contender.name, ...figures, generatorCores: cores }
    } finally {
      await load.stop()
      await entrant.stop()
    }
  })
}

/** p95 of searches sent straight to each backend, while nothing else runs. */
export async function measureIdle(seconds: number) {
  const p95 = async (spec: BackendSpec) =>
    withBackends([spec], async (_, urls) => {
      const load = new Child<Load>(new URL('./load.ts', import.meta.url))
      try {
        await load.call('prepare', urls)
        const phase = { begins: now() + LEAD, seconds, undecodable: 0, idle: true }
        const { records } = await load.call('run', phase)
        const latencies = records.slice(COLD).map(({ start, end }) => (end ?? Number.NaN) - start)
        return percentile(latencies, 0.95)
      } finally {
        await load.stop()
      }
    })
  const [gpu, nas] = BACKENDS
  if (gpu === undefined || nas === undefined) throw new Error('the bench needs two backends')
  return { gpu: await p95(gpu), nas: await p95(nas) }
}

async function withBackends<T>(
  specs: readonly BackendSpec[],
  use: (backends: Child<Backends>, urls: readonly string[]) => Promise<T>,
): Promise<T> {
  const backends = new Child<Backends>(new URL('./backends.ts', import.meta.url))
  try {
    return await use(backends, await backends.call('start', specs))
  } finally {
    await backends.stop()
  }
}

async function breakBackends(
  { faults }: FaultRow,
  backends: Child<Backends>,
  begins: number,
  { faulty }: Timeline,
): Promise<void> {
  if (faults === undefined) return
  for (const { from, to } of faulty) {
    await sleepUntil(begins + from * 1000)
    await backends.call('setFaults', faults)
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
