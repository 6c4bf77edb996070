import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { ROOT } from './docs.ts'
import { COMPILE_CACHE } from './gateway-process.ts'

/** A key to press after a text has appeared. */
export interface Answer {
  readonly after: string
  readonly keys: string
}

/** What a program wrote to a terminal, with its control sequences, and its exit code. */
export interface TerminalOutput {
  readonly text: string
  readonly code: number
}

/** Runs a program on a pseudo terminal of 120 columns. Writes the keys when their text has appeared after those before. */
const RUNNER = `
import fcntl, json, os, pty, struct, sys, termios
answers, program = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(program[0], program)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
text, seen = "", 0
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if data == b"":
        break
    text += data.decode("utf-8", "replace")
    while answers and answers[0]["after"] in text[seen:]:
        answer = answers.pop(0)
        seen = text.index(answer["after"], seen) + len(answer["after"])
        os.write(terminal, answer["keys"].encode())
print(json.dumps({"text": text, "code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}))
`

/** Runs the command line of the gateway on a terminal to its end. Needs Python. */
export async function runOnTerminal(
  args: readonly string[],
  answers: readonly Answer[],
  { cwd = ROOT, env = {} }: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<TerminalOutput> {
  const { NO_COLOR: _n, FORCE_COLOR: _f, CI: _c, ...inherited } = process.env
  const program = [process.execPath, `${ROOT}/packages/gateway/src/main.ts`, ...args]
  const child = spawn('python3', ['-c', RUNNER, JSON.stringify(answers), ...program], {
    cwd,
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...inherited, TERM: 'xterm-256color', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk
  })
  await once(child, 'close')
  const result: TerminalOutput = JSON.parse(output)
  return result
}
