import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { it } from 'vitest'
import { oracleMissing } from '../differential/oracle.ts'

/** The path of Chromium. */
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
  | 'root'
  | 'mount'
  | 'systemd'

/** For each requirement, a function that returns why the machine does not meet it. */
const NEEDS: Record<Need, () => string | undefined> = {
  curl: () => lackOfPackage('curl'),
  prometheus: () => lackOfPackage('prometheus'),
  promtool: () => lackOfPackage('promtool'),
  chromium: () => lackOfPackage(CHROMIUM),
  shell: () => NEEDS.signals() ?? NEEDS.curl(),
  kubectl: () => (isInstalled('kubectl', 'version', '--client') ? undefined : 'kubectl is missing'),
  compose: () => (isInstalled('docker', 'compose', 'version') ? undefined : 'docker compose is missing'),
  signals: () => (process.platform === 'win32' ? 'Windows has no signals' : undefined),
  loopback: () =>
    process.platform === 'linux' ? undefined : '127.0.0.0/8 is the loopback network only on Linux',
  python: () => NEEDS.signals() ?? lackOfPackage('python3'),
  // The test makes a mount namespace, copies libraries that ldd finds, and enters with chroot.
  root: () =>
    isInstalled('unshare', '--mount', 'chroot', '--userspec=65532:65532', '/', 'true')
      ? undefined
      : 'only root on Linux can make a container',
  mount: () =>
    isInstalled('unshare', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt')
      ? undefined
      : 'only root on Linux can mount a file system',
  systemd: () =>
    process.platform === 'linux' ? lackOfPackage('systemd-analyze', 'systemd') : 'systemd needs Linux',
  proc: () => (existsSync('/proc/self/status') ? undefined : 'this system has no /proc'),
  oracle: () => failInCi(oracleMissing()),
}

/** Defines a test that is skipped, with the reason in its name, if the machine does not meet a requirement. */
export function itNeeds(what: Need) {
  const missing = NEEDS[what]()
  return (name: string, test: () => Promise<void>, timeout?: number) =>
    missing === undefined ? it(name, test, timeout) : it.skip(`${name} (skipped: ${missing})`, test)
}

function lackOfPackage(program: string, debian = program): string | undefined {
  const why = `${program} is missing; scripts/install-debian.sh ${debian} installs it`
  return failInCi(isInstalled(program) ? undefined : why)
}

/** @param missing Why a test is skipped. In CI, where the scripts install everything, this is an error. */
function failInCi(missing: string | undefined): string | undefined {
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
