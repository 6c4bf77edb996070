import { type Bench, names, number, type Say, type Values, wholeNumbers } from '../lib/bench.ts'
import { INSTALL } from '../lib/server.ts'
import { bundle } from './bundle.ts'
import { ADAPTERS, CONTENDERS, type Contender, DIRECT, FLOOR, NONE, ROUTER, YARDSTICK } from './contenders.ts'
import { JOBS } from './jobs.ts'
import * as measure from './measure.ts'
import { plots } from './plots.ts'
import { allFailures, report } from './report.ts'
import { Stage } from './stage.ts'
import { lackOf, luaModules, obstacle, versions } from './tools.ts'

/** What can be measured. */
const PARTS = ['rounds', 'first-byte', 'classification', 'memory', 'growth', 'million'].map((name) => ({
  name,
}))
const PARTS_HELP = `${PARTS.map(({ name }) => name).join(', ')}: speed, first byte, classification,
                         memory of uploads, memory after 100,000 requests and after 1,000,000`

export const options = {
  rounds: wholeNumbers('rounds for each figure', '5', '3'),
  seconds: number('duration of wrk for each figure', '1', '0.7'),
  only: names(CONTENDERS),
  jobs: names(JOBS),
  connections: wholeNumbers('connections; jobs without a target use 16 only', '1,16,64'),
  parts: names(PARTS, PARTS_HELP, 'rounds,first-byte,classification,memory'),
}

type Asked = Values<typeof options>
/** The contents of `cost.json`. */
export type Results = Awaited<ReturnType<typeof run>>

export const COST: Bench<typeof options, Results> = {
  name: 'cost',
  title: 'What a request costs',
  command: 'bench',
  quick: 'only the ratios of the targets, in less than a minute instead of 15',
  options,
  versions,
  measure: run,
  report,
  plots,
  failed: (results) => Object.keys(allFailures(results)).length > 0,
}

async function run(asked: Asked, say: Say) {
  const { quick, seconds, connections, jobs } = asked
  const wanted = (part: string) => asked.parts.some(({ name }) => name === part)
  const found = versions()
  const hindered = obstacle(found['wrk'], ['rounds', 'growth', 'million'].some(wanted))
  if (hindered !== undefined) {
    console.error(hindered)
    process.exit(1)
  }
  const lua = luaModules()
  const only = asked.only.filter((contender) => {
    const lack = lackOf(contender, found, lua)
    if (lack !== undefined) console.error(`${contender.label} is skipped: ${lack} is missing; ${INSTALL}`)
    return lack === undefined
  })
  const [count = 1] = asked.rounds
  const leaders = leading(only, quick)
  const proxies = leaders.filter(({ name }) => name !== NONE)
  const loads = measure.LOADS.filter(({ uploads }) => !quick || uploads === 64)
  const cells = planCells({ quick, only, jobs, connections })
  const modules = await bundle()
  await using stage = new Stage(modules.proxy)
  await stage.open()
  const growths: measure.Growth[] = []
  const results = {
    settings: { quick, rounds: count, seconds, connections },
    contenders: only.map(({ name, label }) => ({ name, label })),
    jobs: JOBS.map(({ name, title }): { name: string; title: string } => ({ name, title })),
    cells: wanted('rounds') ? await measure.rounds(stage, cells, count, seconds, say) : [],
    firstBytes: wanted('first-byte') ? await measure.firstBytes(stage, leaders, count, say) : [],
    classification: wanted('classification')
      ? await measure.classifications(modules.classifier, count, say)
      : [],
    peaks: wanted('memory') ? await measure.peaks(stage, proxies, loads, say) : [],
    growths,
  }
  for (const contender of proxies) {
    const million = wanted('million') && contender.name === ROUTER
    if (!million && !wanted('growth')) continue
    growths.push(await measure.growth(stage, contender, million ? measure.MANY : measure.SOME, say))
  }
  return results
}

/** What is measured in each round: figures of one table one after the other. */
export function planCells({ only, jobs, connections, quick }: Omit<Asked, 'rounds' | 'seconds' | 'parts'>) {
  const isMeasured = quick ? quickly : thoroughly
  const cells = jobs.flatMap((job) =>
    connections.map((count): measure.Planned => {
      const contenders = only.filter((contender) => isMeasured(contender, job.name, count))
      return { job, connections: count, contenders }
    }),
  )
  return cells.filter(({ contenders }) => contenders.length > 0)
}

/** Contenders that are measured with every number of connections. */
const THROUGHOUT = [NONE, ROUTER, ...ADAPTERS, 'http-proxy-3', YARDSTICK]

function thoroughly({ main, name }: Contender, job: string, connections: number): boolean {
  if (connections === measure.TYPICAL) return main || measure.isOfTargets(job)
  return measure.isOfTargets(job) && THROUGHOUT.includes(name)
}

/** Only the contenders that targets compare. */
function quickly({ name }: Contender, job: string, connections: number): boolean {
  if (connections === measure.ALONE) return job === 'text' && [NONE, ROUTER].includes(name)
  if (connections !== measure.TYPICAL) return false
  if (job === 'text') return [FLOOR, DIRECT, ROUTER, ...ADAPTERS].includes(name)
  return job === '500k' && [ROUTER, YARDSTICK].includes(name)
}

/** The contenders of the first-byte and memory measurements: one of each technique, or only our router. */
export function leading(contenders: readonly Contender[], quick: boolean): Contender[] {
  return contenders.filter(({ main, name }) => (quick ? name === ROUTER : main))
}
