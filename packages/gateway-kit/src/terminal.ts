import { closeSync, constants, openSync } from 'node:fs'
import tty from 'node:tty'

/** Queries to the operating system. */
export interface TerminalProbe {
  /** Whether this file descriptor is a connected terminal. */
  readonly isTerminal: (fd: number) => boolean
  /** Whether the process has a controlling terminal. */
  readonly hasControllingTerminal: () => boolean
}

const SYSTEM: TerminalProbe = { isTerminal: tty.isatty, hasControllingTerminal }
const STANDARD = [0, 1, 2]

/**
 * The terminal in which the process was started. It distinguishes a SIGHUP of the kernel after a hang-up from `kill -HUP`.
 * With `nohup` or as a service, no standard stream is a terminal, so a hang-up is impossible.
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

  /** Whether the process had a terminal that has hung up. */
  get isGone(): boolean {
    const { isTerminal, hasControllingTerminal } = this.#probe
    return !this.#streams.every(isTerminal) || (this.#wasControlled && !hasControllingTerminal())
  }
}

export interface HangUpListeners {
  /** Called when the terminal has hung up. */
  readonly hungUp: () => void
  /** Called when another process has sent SIGHUP. */
  readonly signaled: () => void
}

/** If the shell ends first, SIGHUP arrives shortly before the terminal disappears. In milliseconds. */
const SETTLE_TIME = 1_000

/** Calls the listener for the meaning of each SIGHUP. */
export function onTerminalHangUp({ hungUp, signaled }: HangUpListeners): void {
  const terminal = new Terminal()
  process.on('SIGHUP', () => {
    // On Windows, SIGHUP always means that the console was closed.
    if (terminal.isGone || process.platform === 'win32') hungUp()
    else {
      signaled()
      setTimeout(() => terminal.isGone && hungUp(), SETTLE_TIME).unref()
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
