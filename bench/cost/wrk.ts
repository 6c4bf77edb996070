import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CONTENT_TYPE } from './jobs.ts'

export interface WrkRun {
  readonly url: string
  /** The file with the body. */
  readonly body: string
  readonly connections: number
  readonly seconds: number
}

export interface WrkResult {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** By what has failed: a kind of error of the sockets, or a status of 400 or above. */
  readonly failures: Readonly<Record<string, number>>
}

const SCRIPT = fileURLToPath(new URL('./post.lua', import.meta.url))
/** Seconds after which wrk counts a request as failed. */
const TIMEOUT = 20

/** Runs wrk for a while, in this process's place. */
export async function runWrk({ url, body, connections, seconds }: WrkRun): Promise<WrkResult> {
  const options = ['-t1', `-c${connections}`, `-d${LONGEST}s`, `--timeout=${TIMEOUT}s`, '-s', SCRIPT]
  const child = spawn('wrk', [...options, `${url}/predict`, '--', body, CONTENT_TYPE])
  running = child
  const said: string[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  // Its own clock has whole seconds alone; a Ctrl-C makes it stop, and say what it has.
  const over = setTimeout(() => child.kill('SIGINT'), seconds * 1000)
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  clearTimeout(over)
  return parseWrk(said.join(''))
}

/** @throws {Error} with what it has printed when that has no result. */
export function parseWrk(output: string): WrkResult {
  const line = output.split('\n').find((text) => text.startsWith('{'))
  if (line === undefined) throw new Error(`wrk has no result: ${output.trim()}`)
  const { requests, microseconds, p50, p99, ...errors }: Record<string, number> = JSON.parse(line)
  if (requests === undefined || microseconds === undefined || p50 === undefined || p99 === undefined)
    throw new Error(`wrk's result is not whole: ${line}`)
  return {
    requests,
    seconds: microseconds / 1e6,
    p50: p50 / 1000,
    p99: p99 / 1000,
    failures: Object.fromEntries(Object.entries(errors).filter(([, count]) => count > 0)),
  }
}

/** Longer than it ever runs. */
const LONGEST = 600

let running: ChildProcess | undefined
process.on('exit', () => running?.kill('SIGKILL'))
