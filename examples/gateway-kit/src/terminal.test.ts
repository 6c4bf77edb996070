import { describe, expect, it } from 'vitest'
import { Terminal } from './terminal.ts'

interface State {
  readonly terminals: readonly number[]
  readonly controlled: boolean
}

describe('SIGHUP means that the terminal hung up', () => {
  it.each<[string, State, State, boolean]>([
    [
      'when a standard stream was a terminal and is none any longer',
      { terminals: [0, 1, 2], controlled: true },
      { terminals: [], controlled: true },
      true,
    ],
    [
      'when only the input was one',
      { terminals: [0], controlled: true },
      { terminals: [], controlled: false },
      true,
    ],
    [
      'when the session has lost its terminal, which others still hold',
      { terminals: [0, 1], controlled: true },
      { terminals: [0, 1], controlled: false },
      true,
    ],
    [
      'but not while it is there',
      { terminals: [0, 1], controlled: true },
      { terminals: [0, 1], controlled: true },
      false,
    ],
    [
      'but not under nohup with all streams redirected',
      { terminals: [], controlled: true },
      { terminals: [], controlled: false },
      false,
    ],
    [
      'but not for a service',
      { terminals: [], controlled: false },
      { terminals: [], controlled: false },
      false,
    ],
    [
      'but not in a container with a terminal of its own',
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
