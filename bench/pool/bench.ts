import { type Bench, names, number, type Say, type Values, wholeNumbers, word } from '../lib/bench.ts'
import { aboutNginx, findNginx, INSTALL } from '../lib/server.ts'
import { CONTENDERS, NGINX, STRAIGHT, URLS_ALONE } from './contenders.ts'
import { SLOW_PART } from './ideal.ts'
import { plots } from './plots.ts'
import { POOLS, type Pool } from './pools.ts'
import { report } from './report.ts'
import { type Cell, type Import, Stage, secondsOn } from './stage.ts'

const options = {
  pool: names(POOLS),
  strategy: names(
    CONTENDERS,
    'contenders by name, such as urls,nginx,peak-ewma',
    'urls,nginx,immich,peak-ewma',
  ),
  'in-flight': wholeNumbers('requests of the import that are in flight', '8,16,64', '16'),
  seconds: number('seconds of each import; 1.5 times as long on a pool that changes', '20', '8'),
  idle: number('seconds of searches before it', '4', '3'),
  imports: number('runs of the import of 200 images', '2', '1'),
  seed: word('other draws', '1'),
}

/** Measured on every pool with every number in flight; the others only on the first pool with the typical number. */
const EVERYWHERE = [URLS_ALONE, NGINX, STRAIGHT]
const TYPICAL = 16

export const POOL: Bench<typeof options, Results> = {
  name: 'pool',
  title: 'Pools of unequal servers',
  command: 'bench:pool',
  quick: 'the main contenders with 16 in flight, in 3 minutes',
  options,
  versions: () => ({ nginx: aboutNginx().version }),
  measure: run,
  report,
  plots,
}

/** The contents of `pool.json`. */
export type Results = Awaited<ReturnType<typeof run>>

async function run(asked: Values<typeof options>, say: Say) {
  const { seed, seconds, idle: idleSeconds, 'in-flight': inFlights, pool: pools, imports } = asked
  const settings = { seed, seconds, idleSeconds, inFlight: inFlights }
  const hasNginx = findNginx() !== undefined
  if (!hasNginx) console.error(`nginx is skipped: ${INSTALL}`)
  const contenders = asked.strategy.filter(({ name }) => name !== NGINX || hasNginx)
  const isMeasured = (pool: Pool, name: string, inFlight: number) =>
    inFlights.length === 1 || EVERYWHERE.includes(name) || (inFlight === TYPICAL && pool === pools[0])
  const cells: Cell[] = []
  const timed: Import[] = []
  for (const pool of pools) {
    await using stage = new Stage(pool, settings)
    await stage.open()
    for (const inFlight of inFlights) {
      for (const contender of contenders.filter(({ name }) => isMeasured(pool, name, inFlight))) {
        say(`${pool.title}, ${inFlight} in flight: ${contender.label}`)
        cells.push(await stage.measure(contender, inFlight))
        if (imports === 0 || pool.slow !== undefined || !EVERYWHERE.includes(contender.name)) continue
        say(`${pool.title}, ${inFlight} in flight: ${contender.label}, import of 200 images`)
        timed.push(await stage.measureImport(contender, inFlight, imports))
      }
    }
  }
  return {
    settings,
    pools: pools.map(({ name, title, servers, slow }) => ({
      ...{ name, title, servers: servers.map((server) => server.name) },
      /** From when to when its changing server is slow, in seconds. */
      slow: slow === undefined ? null : SLOW_PART.map((part) => part * secondsOn({ slow }, seconds)),
    })),
    contenders: contenders.map(({ name, label }) => ({ name, label })),
    cells,
    imports: timed,
  }
}
