import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { offer } from './offer.ts'

interface Keeping {
  readonly program: string
  readonly args: readonly string[]
  /** Variables of the environment, beside the bench's own. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Is removed when the program has ended. */
  readonly directory: string
}

/**
 * Runs a program that is not Node and that has no children, and takes it along when it ends: so nothing is left when the
 * bench is killed.
 */
const keeper = {
  /** Resolves when the program runs, with its pid. */
  async run({ program, args, env, directory }: Keeping): Promise<number> {
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...env },
    })
    await once(child, 'spawn')
    kept = child
    child.on('exit', (code, signal) => {
      console.error(`${program} has ended (${signal ?? code})`)
      process.exit(1)
    })
    if (child.pid === undefined) throw new Error(`${program} does not run`)
    return child.pid
  },
}

export type Keeper = typeof keeper

let kept: ChildProcess | undefined
process.on('exit', () => kept?.kill('SIGKILL'))
offer(keeper)
