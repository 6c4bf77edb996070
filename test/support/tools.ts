import { execFileSync } from 'node:child_process'
import { it } from 'vitest'

/** A test that needs a program, or POSIX signals; where they are missing it is left out, and its name says why. */
export function itNeeds(what: 'curl' | 'signals') {
  const missing = what === 'signals' ? process.platform === 'win32' : !isInstalled(what)
  const reason =
    what === 'signals'
      ? 'Windows has no signals'
      : `${what} is missing; scripts/install-debian.sh installs it`
  return (name: string, test: () => Promise<void>) =>
    missing ? it.skip(`${name} (left out: ${reason})`, test) : it(name, test)
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
