import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Counts } from '../lib/stats.ts'
import { CONTENT_TYPE } from './jobs.ts'

interface WrkResult {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** By the kind of socket error, or `status` for 400 or above. */
  readonly failures: Counts
}

const SCRIPT = fileURLToPath(new URL('./post.lua', import.meta.url))

let running: ChildProcess | undefined
process.on('exit', () => running?.kill('SIGKILL'))

/** @param body The file with the body. */
export async function runWrk(
  url: string,
  body: string,
  connections: number,
  seconds: number,
): Promise<WrkResult> {
  const options = ['-t1', `-c${connections}`, '-d600s', '--timeout=20s', '-s', SCRIPT]
  const child = spawn('wrk', [...options, `${url}/predict`, '--', body, CONTENT_TYPE])
  running = child
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text))
  // Its own clock has whole seconds alone; a Ctrl-C makes it stop, and print its result.
  const over = setTimeout(() => child.kill('SIGINT'), seconds * 1000)
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  clearTimeout(over)
  return parseWrk(said)
}

/** @throws {Error} with what it has printed when that has no result. */
export function parseWrk(output: string): WrkResult {
  const line = output.split('\n').find((text) => text.startsWith('{'))
  if (line === undefined) throw new Error(`wrk has no result: ${output.trim()}`)
  const { requests, microseconds, p50, p99, ...errors }: Record<string, number> = JSON.parse(line)
  if (requests === undefined || microseconds === undefined || p50 === undefined || p99 === undefined)
    throw new Error(`wrk's result is not whole: ${line}`)
  const failures = Object.fromEntries(Object.entries(errors).filter(([, count]) => count > 0))
  return { requests, seconds: microseconds / 1e6, p50: p50 / 1000, p99: p99 / 1000, failures }
}
