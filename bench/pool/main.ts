import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { endOnSignals } from '../lib/child.ts'
import { writeSection } from '../lib/document.ts'
import { describeMachine } from '../lib/machine.ts'
import { findNginx, INSTALL_NGINX, nginxVersion } from '../lib/nginx.ts'
import { Progress } from '../lib/progress.ts'
import { writePlots } from '../lib/report.ts'
import { type Contender, STRAIGHT, URLS_ALONE } from './contenders.ts'
import { SLOW_PART } from './ideal.ts'
import { type Options, parseOptions, USAGE } from './options.ts'
import { drawPlots } from './plots.ts'
import type { Pool } from './pools.ts'
import { asReport, asSection } from './report.ts'
import { type Cell, type Import, type PoolResult, type Results, toJson } from './results.ts'
import { Stage, secondsOn } from './stage.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DOCUMENT = join(ROOT, 'docs', 'benchmarks.md')
/** What it takes beside the load to start a contender, to wait for what is late, and to stop it. */
const AROUND = 3.5
/** About how long an import of 200 images takes, in seconds. */
const IMPORT_TIME = 3
/** Who is measured on every pool, with every number of requests in flight; the others on the first, with one. */
const EVERYWHERE = [URLS_ALONE, 'nginx', STRAIGHT]
const TYPICAL = 16
/** Whose imports are timed. */
const IMPORTERS = [URLS_ALONE, 'nginx', STRAIGHT]

endOnSignals()
const options = readOptions()
const directory = options.out ?? join(ROOT, 'docs', 'benchmarks')
const file = join(directory, 'pool.json')
if (!options.redraw) {
  const measured = await run(options)
  mkdirSync(directory, { recursive: true })
  writeFileSync(file, toJson(measured))
}
// Read back, so that it is the same as when it is redrawn.
const results: Results = JSON.parse(readFileSync(file, 'utf8'))
const plots = drawPlots(results)
writePlots(directory, plots)
if (options.out === undefined) writeSection(DOCUMENT, 'pool', asSection(results, plots))
console.log(`${asReport(results)}\n\nJSON and plots are in ${relative(process.cwd(), directory) || '.'}.`)

function readOptions(): Options {
  if (process.argv.includes('--help')) {
    console.log(USAGE)
    process.exit()
  }
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function run({ pools, contenders, settings, imports }: Options): Promise<Results> {
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
