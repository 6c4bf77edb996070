import { describe, expect, it } from 'vitest'
import { Terminal } from './terminal.ts'

interface State {
  readonly terminals: readonly number[]
  readonly controlled: boolean
}

describe('SIGHUP means that the terminal hung up', () => {
  it.each<[string, State, State, boolean]>([
    [
      'if a standard stream is no longer a terminal',
      { terminals: [0, 1, 2], controlled: true },
      { terminals: [], controlled: true },
      true,
    ],
    [
      'if only the standard input was a terminal',
      { terminals: [0], controlled: true },
      { terminals: [], controlled: false },
      true,
    ],
    [
      'if the session has lost its terminal, while other processes keep it open',
      { terminals: [0, 1], controlled: true },
      { terminals: [0, 1], controlled: false },
      true,
    ],
    [
      'not while the terminal is connected',
      { terminals: [0, 1], controlled: true },
      { terminals: [0, 1], controlled: true },
      false,
    ],
    [
      'not with nohup and all streams redirected',
      { terminals: [], controlled: true },
      { terminals: [], controlled: false },
      false,
    ],
    ['not for a service', { terminals: [], controlled: false }, { terminals: [], controlled: false }, false],
    [
      'not in a container with its own terminal',
      { terminals: [0, 1, 2], controlled: false },
      { terminals: [0, 1, 2], controlled: false },
      false,
    ],
  ])('%s', (_, atStart, later, expected) => {
    let state = atStart
    const terminal = new Terminal({
      isTerminal: (fd) => state.terminals.includes(fd),
      hasControllingTerminal: () => state.controlled,
    })
    state = later
    expect(terminal.isGone).toBe(expected)
  })
})
