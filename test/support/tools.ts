import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { it } from 'vitest'
import { oracleMissing } from '../differential/oracle.ts'

/** The browser, where Debian has it, or wherever else it is. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

type Need =
  | 'curl'
  | 'prometheus'
  | 'promtool'
  | 'chromium'
  | 'shell'
  | 'kubectl'
  | 'compose'
  | 'signals'
  | 'loopback'
  | 'proc'
  | 'oracle'
  | 'python'

/** What a test may need of the machine, and how to say that it is missing. */
const NEEDS: Record<Need, () => string | undefined> = {
  curl: () => ofDebian('curl'),
  prometheus: () => ofDebian('prometheus'),
  promtool: () => ofDebian('promtool'),
  chromium: () => ofDebian(CHROMIUM),
  shell: () => NEEDS.signals() ?? NEEDS.curl(),
  kubectl: () => (isInstalled('kubectl', 'version', '--client') ? undefined : 'kubectl is missing'),
  compose: () => (isInstalled('docker', 'compose', 'version') ? undefined : 'docker compose is missing'),
  signals: () => (process.platform === 'win32' ? 'Windows has no signals' : undefined),
  loopback: () => (process.platform === 'linux' ? undefined : 'only on Linux all of 127.0.0.0/8 is loopback'),
  python: () => NEEDS.signals() ?? ofDebian('python3'),
  proc: () => (existsSync('/proc/self/status') ? undefined : 'this system has no /proc'),
  oracle: () => ofScript(oracleMissing()),
}

/** A test that needs a program, a browser, POSIX signals, /proc or many addresses; where they are missing it is left out, and its name says why. */
export function itNeeds(what: Need) {
  const missing = NEEDS[what]()
  return (name: string, test: () => Promise<void>, timeout?: number) =>
    missing === undefined ? it(name, test, timeout) : it.skip(`${name} (left out: ${missing})`, test)
}

function ofDebian(program: string): string | undefined {
  const why = `${program} is missing; scripts/install-debian.sh installs it`
  return ofScript(isInstalled(program) ? undefined : why)
}

/** @param missing Why a test is left out; in CI, where the scripts have run, that is an error. */
function ofScript(missing: string | undefined): string | undefined {
  if (missing !== undefined && process.env['LEAVE_NOTHING_OUT']) throw new Error(missing)
  return missing
}

function isInstalled(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args.length === 0 ? ['--version'] : args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
