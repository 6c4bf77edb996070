import { onTestFinished } from 'vitest'
import { ROOT } from './docs.ts'
import { type GatewayProcess, spawnProgram, started } from './gateway-process.ts'
import { until } from './servers.ts'

/** A gateway whose output a separate process reads, through a terminal or a pipe. */
export interface ReadGateway extends GatewayProcess {
  /** The process that is the gateway. */
  readonly pid: () => number
  /** Stops reading, and leaves the output open. */
  stopReading(): Promise<void>
  readAgain(): void
  /** Closes the reading end. */
  hangUp(): Promise<void>
  /** The exit code of the started program. */
  readonly exitCode: () => unknown
}

/** Reads the output of a program, and obeys `stop`, `read` and `close`; says when each is done, and how the program ended. */
const READER = `
import json, os, pty, select, sys
kind, program = sys.argv[1], sys.argv[2:]
def say(what):
    os.write(1, (json.dumps(what) + "\\n").encode())
if kind == "terminal":
    pid, source = pty.fork()
else:
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.dup2(sink, 1)
    else:
        os.close(sink)
if pid == 0:
    os.execvp(program[0], program)
say({"group": pid})
reading = True
while True:
    ready = select.select([0, source] if reading else [0], [], [])[0]
    if 0 in ready:
        command = os.read(0, 64).decode().strip()
        reading = command == "read"
        if command == "close" or command == "":
            os.close(source)
            say({"reader": command})
            break
        say({"reader": command})
    elif source in ready:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if data == b"":
            break
        os.write(1, data)
say({"exitCode": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})
`

/**
 * Starts a program that is a gateway, or starts one.
 *
 * @param shell A command line in whose place `"$0" "$@"` is the program.
 */
export async function startRead(
  kind: 'terminal' | 'pipe',
  args: readonly string[],
  env: Record<string, string>,
  shell?: string,
): Promise<ReadGateway> {
  const words = [...(shell === undefined ? [] : ['sh', '-c', shell]), process.execPath, ...args]
  const program = { cwd: ROOT, args: ['-c', READER, kind, ...words] }
  const spawned = spawnProgram(program, env, { program: 'python3', stdin: 'pipe' })
  const { child, lines } = spawned
  const pid = () => Number(lines.find((line) => typeof line['pid'] === 'number')?.['pid'])
  const tell = (command: string) => void child.stdin?.write(`${command}\n`)
  const told = async (command: string) => {
    tell(command)
    await until(() => lines.some(({ reader }) => reader === command), `the reader obeys ${command}`)
  }
  // Its processes outlive the reader.
  onTestFinished(() => {
    const group = lines.find((line) => 'group' in line)?.['group']
    if (typeof group === 'number') kill(-group)
  })
  const running = await started(spawned)
  return {
    ...running,
    pid,
    stopReading: () => told('stop'),
    readAgain: () => tell('read'),
    hangUp: () => told('close'),
    exitCode: () => lines.find((line) => 'exitCode' in line)?.['exitCode'],
  }
}

/** Ends processes that may have ended by themselves. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}
