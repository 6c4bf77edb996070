import type { RouterConfig } from '@immich-ml-router/core'
import { EXIT } from '../exit-codes.ts'
import { coverageOf } from '../probe/coverage.ts'
import { disagreementsOf } from '../probe/disagreements.ts'
import { immichAccess } from '../probe/immich-access.ts'
import { jobsWith } from '../probe/immich-jobs.ts'
import { probeAll } from '../probe/probe-all.ts'
import { loadingNotes, probeTable, titled } from '../probe/probe-table.ts'
import { paintFor } from '../table.ts'

/**
 * Asks every backend and prints what it found. Sets the exit code to 1 if a job of Immich has no backend that works, or if
 * the key of `immich` cannot be used.
 *
 * @param models Models to ask for in place of Immich's default ones, such as `clip=ViT-L-14__openai`.
 */
export async function runProbe(config: RouterConfig, models?: readonly string[]): Promise<void> {
  const { stdout, stderr } = process
  const jobs = jobsWith(models)
  const [findings, immich] = await Promise.all([probeAll(config, stderr, { jobs }), immichAccess(config)])
  const { errors: uncovered, warnings } = coverageOf(config, findings, jobs)
  const errors = [...uncovered, ...(immich?.error === undefined ? [] : [immich.error])]
  const lines = [
    '',
    'Probe:',
    ...probeTable(findings, paintFor(stdout)).map((line) => `  ${line}`),
    ...loadingNotes(findings).map((line) => `  ${line}`),
    ...(immich === undefined ? [] : ['', `  ${immich.line}`]),
    ...titled('Warnings of the probe:', [...disagreementsOf(config, findings, jobs), ...warnings]),
    ...titled('Errors of the probe:', errors),
  ]
  stdout.write(`${lines.join('\n')}\n`)
  if (errors.length > 0) process.exitCode = EXIT.failed
}
