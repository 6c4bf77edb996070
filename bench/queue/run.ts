import { describeMachine } from '../lib/machine.ts'
import { findNginx, INSTALL_NGINX, nginxVersion } from '../lib/nginx.ts'
import { Progress } from '../lib/progress.ts'
import type { Options } from './options.ts'
import type { Cell, Results } from './results.ts'
import { measure, measureIdle } from './stage.ts'

/** Seconds to start and stop a contender. */
const AROUND = 3
const IDLE = 3

export async function run({ rows, contenders, seconds }: Options): Promise<Results> {
  const nginx = findNginx()
  const entered = contenders.filter(({ kind }) => kind !== 'nginx' || nginx !== undefined)
  if (entered.length < contenders.length) console.error(`${INSTALL_NGINX}. It is skipped.`)
  const machine = describeMachine({ nginx: nginx && nginxVersion(nginx) })
  // Only a gateway restarts.
  const measurements = rows.flatMap((row) =>
    entered
      .filter(({ kind }) => row.restart !== true || kind === 'gateway')
      .map((contender) => ({ row, contender })),
  )
  const progress = new Progress(2 * IDLE + measurements.length * (seconds + AROUND))
  progress.step('idle searches', 2 * IDLE)
  const idle = await measureIdle(Math.min(IDLE, seconds))
  const cells: Cell[] = []
  for (const { row, contender } of measurements) {
    progress.step(`${row.label}: ${contender.label}`, seconds + AROUND)
    cells.push(await measure(row, contender, seconds, idle))
  }
  progress.end()
  return {
    machine,
    settings: { seconds },
    idle,
    contenders: entered.map(({ name, label }) => ({ name, label })),
    rows: rows.map(({ name, label }) => ({ name, label })),
    cells,
  }
}
