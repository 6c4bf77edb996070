import { onTestFinished } from 'vitest'
import { ROOT } from './docs.ts'
import { type GatewayProcess, spawnProgram, started } from './gateway-process.ts'
import { until } from './servers.ts'

/** A gateway whose output is read by a separate process, through a terminal or a pipe. */
export interface ReadGateway extends GatewayProcess {
  /** The process id of the gateway. */
  readonly pid: () => number
  /** Stops reading but keeps the output open. */
  stopReading(): Promise<void>
  resumeReading(): void
  /** Closes the reading end. */
  closeReader(): Promise<void>
  /** The exit code of the started program. */
  readonly exitCode: () => unknown
}

/** Reads the output of a program. Confirms the commands `stop`, `read` and `close`, and reports the exit code. */
const READER = `
import json, os, pty, select, sys
kind, program = sys.argv[1], sys.argv[2:]
def report(value):
    os.write(1, (json.dumps(value) + "\\n").encode())
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
report({"group": pid})
reading = True
while True:
    ready = select.select([0, source] if reading else [0], [], [])[0]
    if 0 in ready:
        command = os.read(0, 64).decode().strip()
        reading = command == "read"
        if command == "close" or command == "":
            os.close(source)
            report({"reader": command})
            break
        report({"reader": command})
    elif source in ready:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if data == b"":
            break
        os.write(1, data)
report({"exitCode": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})
`

/**
 * Starts a gateway, or a program that starts one.
 *
 * @param shell A command line that runs the program as `"$0" "$@"`.
 */
export async function startRead(
  kind: 'terminal' | 'pipe',
  args: readonly string[],
  env: Record<string, string>,
  shell?: string,
): Promise<ReadGateway> {
  const commandLine = [...(shell === undefined ? [] : ['sh', '-c', shell]), process.execPath, ...args]
  const program = { cwd: ROOT, args: ['-c', READER, kind, ...commandLine] }
  const spawned = spawnProgram(program, { LOG_FORMAT: 'json', ...env }, { program: 'python3', stdin: 'pipe' })
  const { child, lines } = spawned
  const pid = () => Number(lines.find((line) => typeof line['pid'] === 'number')?.['pid'])
  const send = (command: string) => void child.stdin?.write(`${command}\n`)
  const confirmed = async (command: string) => {
    send(command)
    await until(() => lines.some(({ reader }) => reader === command), `the reader confirms ${command}`)
  }
  // The processes of the gateway outlive the reader.
  onTestFinished(() => {
    const group = lines.find((line) => 'group' in line)?.['group']
    if (typeof group === 'number') kill(-group)
  })
  const running = await started(spawned)
  return {
    ...running,
    pid,
    stopReading: () => confirmed('stop'),
    resumeReading: () => send('read'),
    closeReader: () => confirmed('close'),
    exitCode: () => lines.find((line) => 'exitCode' in line)?.['exitCode'],
  }
}

/** Kills a process or group that may have exited already. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}
