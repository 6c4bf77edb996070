import { execFile } from 'node:child_process'
import { takeCredentials } from '../credentials.ts'

/** What a hook calls: a URL, a command, or both. */
export interface Hook {
  readonly url?: string | undefined
  readonly method: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
  /** Program and arguments. */
  readonly command?: readonly string[] | undefined
  /** In milliseconds. */
  readonly timeout: number
}

/**
 * Calls a hook once.
 *
 * @param signal Ends the request, and kills the command.
 * @throws {Error} if the request is not answered with a 2xx status, or the command fails. The message has no header, path
 *   or argument: each may be a secret.
 */
export async function callHook(hook: Hook, signal?: AbortSignal): Promise<void> {
  const calls = [
    ...(hook.url === undefined ? [] : [request(hook.url, hook, signal)]),
    ...(hook.command === undefined ? [] : [run(hook.command, hook.timeout, signal)]),
  ]
  await Promise.all(calls)
}

async function request(
  url: string,
  { method, headers, body, timeout }: Hook,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { base, authorization } = takeCredentials(url)
  let response: Response
  try {
    response = await fetch(base, {
      method,
      headers: { ...(authorization === undefined ? {} : { authorization }), ...headers },
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(timeout), ...(signal === undefined ? [] : [signal])]),
      ...(body === undefined ? {} : { body }),
    })
  } catch (error) {
    throw new Error(`${base.origin} did not answer: ${reasonOf(error, timeout)}`)
  }
  await response.body?.cancel()
  if (!response.ok) throw new Error(`${base.origin} answered ${response.status}`)
}

function reasonOf(error: unknown, timeout: number): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `timeout of ${timeout} ms`
  return error.cause instanceof Error ? error.cause.message : error.message
}

/** What a command gets of the environment: the gateway's other variables may be secrets. */
const VARIABLES = ['PATH', 'HOME']

function run(
  [program = '', ...args]: readonly string[],
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const env = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]))
  return new Promise((resolve, reject) => {
    const options = { env, timeout, signal, killSignal: 'SIGKILL', windowsHide: true } as const
    execFile(program, args, options, (error) => {
      if (error === null) return resolve()
      const { code, killed } = error
      const why = killed
        ? `killed after ${timeout} ms`
        : typeof code === 'number'
          ? `exit code ${code}`
          : code
      reject(new Error(`command ${program} failed: ${why}`))
    })
  })
}
