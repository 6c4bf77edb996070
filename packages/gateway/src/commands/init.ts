import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { EXIT } from '../exit-codes.ts'
import { fail } from '../fail.ts'
import { nextSteps, type Place, placeFor } from '../init/next-steps.ts'
import { type Plan, planFor } from '../init/plan.ts'
import { routerYaml } from '../init/router-yaml.ts'
import { readTargets, type Target, TargetError, type TargetOptions } from '../init/targets.ts'
import { NAME } from '../name.ts'
import type { Finding } from '../probe/finding.ts'
import { jobsWith } from '../probe/immich-jobs.ts'
import { probeAll } from '../probe/probe-all.ts'
import { loadingNotes, probeTable, titled } from '../probe/probe-table.ts'
import { paintFor } from '../table.ts'

/** The options of `init`. */
export interface InitOptions extends TargetOptions {
  readonly output: string
  readonly force?: true
  readonly yes?: true
  /** Models to ask for, such as `clip=ViT-L-14__openai`. */
  readonly model?: readonly string[]
}

/** Asks the ML servers what they can do and writes a configuration that fits. */
export async function runInit(
  urls: readonly string[],
  options: InitOptions,
  command: Command,
): Promise<void> {
  const isInteractive = process.stdin.isTTY && process.stdout.isTTY && !options.yes
  if (urls.length === 0 && !isInteractive)
    command.error(`error: the URLs of your ML servers are missing: ${NAME} init http://192.168.1.20:3003 …`)
  if (existsSync(options.output) && !options.force)
    return fail(
      `${options.output} exists already; write to another file with --output, or replace it with --force.`,
    )
  const targets = await targetsFrom(urls, options, command)
  if (targets === undefined) return
  const backends = Object.fromEntries(targets.map(({ name, url }) => [name, { url }]))
  const findings = await probeAll({ backends }, process.stderr, { jobs: jobsWith(options.model) })
  const plan = planFor(targets, findings)
  const { stdout } = process
  stdout.write(`${probeTable(findings, paintFor(stdout)).join('\n')}\n`)
  for (const note of loadingNotes(findings)) stdout.write(`${note}\n`)
  if (plan.backends.every(({ state }) => state === 'left-out'))
    return fail(`no backend can be used, so ${options.output} is not written.${titled('', faults(plan)).join('\n')}
Start them and run this again. If a machine sleeps, name it with --sleeps.`)
  const place = placeFor(options.output, targets, process.env)
  try {
    await write(plan, place, options)
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    return fail(`${options.output} cannot be written (${reason}); choose another file with --output.`)
  }
  const text = [
    '',
    `${options.output} is written.`,
    ...titled('Left out, and in the file as comments:', faults(plan)),
    ...titled('Not known yet, since the machine sleeps:', asleep(plan)),
    '',
    ...nextSteps(place),
  ]
  stdout.write(`${text.join('\n')}\n`)
}

/** The servers of the command line, or of the answers on the terminal; `undefined` if there is nothing to do. */
async function targetsFrom(
  urls: readonly string[],
  options: InitOptions,
  command: Command,
): Promise<Target[] | undefined> {
  try {
    if (urls.length > 0) return readTargets(urls, options)
  } catch (error) {
    if (error instanceof TargetError) command.error(`error: ${error.message}`)
    throw error
  }
  const { askTargets, CancelledError } = await import('../init/questions.ts')
  try {
    return await askTargets()
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error
    process.exitCode = EXIT.failed
    return undefined
  }
}

async function write(plan: Plan, place: Place, { output, force }: InitOptions): Promise<void> {
  const hasPassword = plan.backends.some(({ target }) => new URL(target.url).password !== '')
  const date = new Date().toISOString().slice(0, 10)
  await writeFile(output, routerYaml(plan, place, date), {
    flag: force ? 'w' : 'wx',
    mode: hasPassword ? 0o600 : 0o644,
  })
}

function faults({ backends }: Plan): string[] {
  return backends.flatMap(({ target, finding, state }) =>
    state === 'left-out' ? [`${target.name}: ${reasonOf(finding)}`] : [],
  )
}

function asleep({ backends }: Plan): string[] {
  return backends.flatMap(({ target, finding, state }) =>
    state === 'asleep' ? [`${target.name}: ${reasonOf(finding)}`] : [],
  )
}

function reasonOf(finding: Finding): string {
  if (finding.kind === 'unusable') return finding.reason
  const reasons = finding.jobs.flatMap(({ result }) => ('reason' in result ? [result.reason] : []))
  return [...new Set(reasons)].join('; ')
}
