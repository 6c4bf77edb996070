import { describeMachine } from '../lib/machine.ts'
import { findNginx, INSTALL_NGINX, nginxVersion } from '../lib/nginx.ts'
import { Progress } from '../lib/progress.ts'
import { type Contender, STRAIGHT, URLS_ALONE } from './contenders.ts'
import { SLOW_PART } from './ideal.ts'
import type { Options } from './options.ts'
import type { Pool } from './pools.ts'
import type { Cell, Import, PoolResult, Results } from './results.ts'
import { Stage, secondsOn } from './stage.ts'

/** What it takes beside the load to start a contender, to wait for what is late, and to stop it. */
const AROUND = 3.5
/** About how long an import of 200 images takes, in seconds. */
const IMPORT_TIME = 3
/** Who is measured on every pool, with every number of requests in flight; the others on the first, with one. */
const EVERYWHERE = [URLS_ALONE, 'nginx', STRAIGHT]
const TYPICAL = 16
/** Whose imports are timed. */
const IMPORTERS = [URLS_ALONE, 'nginx', STRAIGHT]

/** Measures what is asked for, of contenders that are there. */
export async function run({ pools, contenders, settings, imports }: Options): Promise<Results> {
  const nginx = findNginx()
  if (nginx === undefined) console.error(`${INSTALL_NGINX}. It is left out.`)
  const entered = contenders.filter(({ kind }) => kind !== 'nginx' || nginx !== undefined)
  const importers = imports === 0 ? [] : entered.filter(({ name }) => IMPORTERS.includes(name))
  const machine = describeMachine({ nginx: nginx && nginxVersion(nginx) })
  const cellTime = (pool: Pool) => settings.idleSeconds + secondsOn(pool, settings) + AROUND
  const importTime = imports * (IMPORT_TIME + AROUND)
  const isMeasured = (pool: Pool, name: string, inFlight: number) =>
    settings.inFlight.length === 1 || EVERYWHERE.includes(name) || (inFlight === TYPICAL && pool === pools[0])
  const importsOn = (pool: Pool) => (pool.slow === undefined ? importers : [])
  const progress = new Progress(
    pools
      .flatMap((pool) =>
        settings.inFlight.map(
          (inFlight) =>
            entered.filter(({ name }) => isMeasured(pool, name, inFlight)).length * cellTime(pool) +
            importsOn(pool).length * importTime,
        ),
      )
      .reduce((sum, seconds) => sum + seconds, 0),
  )
  const cells: Cell[] = []
  const timed: Import[] = []
  for (const pool of pools) {
    const stage = await Stage.set(pool, settings)
    for (const inFlight of settings.inFlight) {
      const place = ({ label }: Contender) => `${pool.title}, ${inFlight} in flight: ${label}`
      for (const contender of entered.filter(({ name }) => isMeasured(pool, name, inFlight))) {
        progress.step(place(contender), cellTime(pool))
        cells.push(await stage.measure(contender, inFlight))
      }
      for (const contender of importsOn(pool)) {
        progress.step(`${place(contender)}, import of 200 images`, importTime)
        timed.push(await stage.measureImport(contender, inFlight, imports))
      }
    }
    await stage.close()
  }
  progress.end()
  return {
    machine,
    settings,
    pools: pools.map((pool) => poolResult(pool, secondsOn(pool, settings))),
    contenders: entered.map(({ name, label }) => ({ name, label })),
    cells,
    imports: timed,
  }
}

function poolResult({ name, title, servers, slow }: Pool, seconds: number): PoolResult {
  const [from, to] = SLOW_PART
  return {
    name,
    title,
    servers: servers.map((server) => server.name),
    slow: slow === undefined ? null : [from * seconds, to * seconds],
  }
}
