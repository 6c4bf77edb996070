import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '../fail.ts'
import { localUrl } from '../local-url.ts'
import { type Fetched, fetchReport } from '../status/fetch-report.ts'
import { statusText } from '../status/status-text.ts'
import { paintFor } from '../table.ts'

/** The options of `status`. */
export interface StatusOptions {
  readonly json?: true
  readonly watch?: true
}

/** Time between two redraws, in milliseconds. */
const INTERVAL = 2_000
/** Moves to the top left and clears what is below. */
const CLEAR = '\u001b[H\u001b[J'
/** Cuts lines at the right edge of the terminal, or wraps them again. */
const [CUT, WRAP] = ['\u001b[?7l', '\u001b[?7h']

/** Prints the status of a gateway, once or every 2 s. */
export async function runStatus(url: string | undefined, options: StatusOptions): Promise<void> {
  try {
    const target = url ?? localUrl(process.env)
    const first = await fetchReport(target)
    if (options.watch) await watch(target, first, options)
    else process.stdout.write(textOf(first, options))
  } catch (error) {
    fail(error)
  }
}

function textOf({ report, json }: Fetched, options: StatusOptions): string {
  return `${options.json ? json : statusText(report, paintFor(process.stdout))}\n`
}

/** Redraws until Ctrl+C. A gateway that does not answer may be restarting, so that ends nothing. */
async function watch(url: string, first: Fetched, options: StatusOptions): Promise<void> {
  const { stdout } = process
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  // Its reader, such as head, has ended.
  stdout.on('error', stop)
  const isDrawing = stdout.isTTY && !options.json
  let text = textOf(first, options)
  while (!stopped.signal.aborted) {
    // Without a terminal, an empty line ends each status.
    const end = options.json ? '' : '\n'
    stdout.write(isDrawing ? `${CLEAR}${CUT}${fitted(text)}\nCtrl+C ends\n${WRAP}` : `${text}${end}`)
    await sleep(INTERVAL, undefined, { signal: stopped.signal }).catch(() => {})
    if (stopped.signal.aborted) break
    text = await fetchReport(url, stopped.signal).then(
      (fetched) => textOf(fetched, options),
      (error: unknown) => (options.json ? '' : `${messageOf(error)}\n`),
    )
  }
}

/** As many lines as the terminal shows, so that it does not scroll. */
function fitted(text: string): string {
  const lines = text.trimEnd().split('\n')
  const most = Math.max(5, process.stdout.rows - 3)
  return lines.length <= most ? lines.join('\n') : lines.slice(0, most).join('\n')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
