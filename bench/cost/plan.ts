import { ADAPTERS, type Contender, NONE, ROUTER, YARDSTICK } from './contenders.ts'
import type { JOBS } from './jobs.ts'
import type { Options } from './options.ts'

/** The number of connections that the targets are for, and the one that added latency is measured with. */
export const TYPICAL = 16
export const ALONE = 1

export type PlannedJob = (typeof JOBS)[number]

/** One figure of each round. */
export interface PlannedCell {
  readonly job: PlannedJob
  readonly connections: number
  readonly contenders: readonly Contender[]
}

/** What is measured in each round: what stands side by side is measured one behind the other. */
export function planCells({ contenders, jobs, settings }: Options): PlannedCell[] {
  const who = settings.quick ? quickly : thoroughly
  return jobs.flatMap((job) =>
    settings.connections
      .map((connections) => ({
        job,
        connections,
        contenders: contenders.filter((contender) => who(contender, job.name, connections)),
      }))
      .filter((cell) => cell.contenders.length > 0),
  )
}

/** With few connections and many: ours, and what they are compared with. */
const THROUGHOUT: readonly string[] = [NONE, ROUTER, ...ADAPTERS, 'http-proxy-3', YARDSTICK]

/** The jobs of the targets with every number of connections; the others, and what varies a technique, with one. */
function thoroughly({ main, name }: Contender, job: string, connections: number): boolean {
  const ofTheTargets = job === 'text' || job === '500k'
  if (connections === TYPICAL) return main || ofTheTargets
  return ofTheTargets && THROUGHOUT.includes(name)
}

/** What the targets are ratios of, and no more. */
function quickly({ name }: Contender, job: string, connections: number): boolean {
  if (job === 'text' && connections === TYPICAL) return [ROUTER, ...ADAPTERS, YARDSTICK].includes(name)
  if (job === '500k' && connections === TYPICAL) return [ROUTER, YARDSTICK].includes(name)
  return job === 'text' && connections === ALONE && [NONE, ROUTER].includes(name)
}

/** Whose first bytes, memory and so on are measured: one of each technique, or our router alone. */
export function leading({ contenders, settings }: Options): Contender[] {
  return contenders.filter(({ main, name }) => (settings.quick ? name === ROUTER : main))
}
