import { closeSync, constants, openSync } from 'node:fs'
import tty from 'node:tty'

/** What is asked of the operating system. */
export interface TerminalProbe {
  /** Whether this file descriptor is a terminal that is there. */
  readonly isTerminal: (fd: number) => boolean
  /** Whether the process has a controlling terminal. */
  readonly hasControllingTerminal: () => boolean
}

const SYSTEM: TerminalProbe = { isTerminal: tty.isatty, hasControllingTerminal }
const STANDARD = [0, 1, 2]

/**
 * The terminal that the process was started in. It tells a SIGHUP of the kernel, for a terminal that hung up, from one of
 * `kill -HUP`. Under `nohup`, or as a service, no standard stream is a terminal, so that there is none to lose.
 */
export class Terminal {
  readonly #probe: TerminalProbe
  readonly #streams: readonly number[]
  readonly #wasControlled: boolean

  constructor(probe: TerminalProbe = SYSTEM) {
    this.#probe = probe
    this.#streams = STANDARD.filter(probe.isTerminal)
    this.#wasControlled = this.#streams.length > 0 && probe.hasControllingTerminal()
  }

  /** Whether there was one, and it has hung up. */
  get isGone(): boolean {
    const { isTerminal, hasControllingTerminal } = this.#probe
    return !this.#streams.every(isTerminal) || (this.#wasControlled && !hasControllingTerminal())
  }
}

export interface HangUpListeners {
  /** The terminal has hung up. */
  readonly hungUp: () => void
  /** A process has sent SIGHUP. */
  readonly signaled: () => void
}

/** The kernel signals a little before the terminal is gone when the shell in it ends first. */
const SETTLED = 1_000

/** Tells the two meanings of SIGHUP apart. */
export function onTerminalHangUp({ hungUp, signaled }: HangUpListeners): void {
  const terminal = new Terminal()
  process.on('SIGHUP', () => {
    // Windows knows no other.
    if (terminal.isGone || process.platform === 'win32') hungUp()
    else {
      signaled()
      setTimeout(() => terminal.isGone && hungUp(), SETTLED).unref()
    }
  })
}

function hasControllingTerminal(): boolean {
  if (process.platform === 'win32') return false
  try {
    closeSync(openSync('/dev/tty', constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}
