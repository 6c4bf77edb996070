import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { GeneratedRequest } from './generate.ts'

const root = join(import.meta.dirname, '../..')
const PYTHON = join(root, '.cache/oracle/bin/python')

/** How the ML server reads a request. */
export interface Reading {
  readonly status: number
  /** The jobs that it runs: task, type, model, options. */
  readonly jobs?: readonly (readonly [task: string, type: string, model: string, options: unknown])[]
  readonly input?: 'text' | 'image'
  /** The parts of the form, in order. */
  readonly items?: readonly (readonly [name: string, kind: 'file' | 'text' | 'empty'])[]
}

/** @returns Why FastAPI is not available; `undefined` if it is. */
export function oracleMissing(): string | undefined {
  return existsSync(PYTHON) ? undefined : 'FastAPI is missing; scripts/oracle/setup.sh installs it'
}

/** FastAPI in a separate process. */
export class Oracle {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor() {
    const child = spawn(PYTHON, [join(root, 'scripts/oracle/oracle.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#process = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  /** Reads the requests in order. */
  async read(requests: readonly GeneratedRequest[]): Promise<readonly Reading[]> {
    for (const { contentType, contentEncoding, chunks } of requests) {
      const headers = [['content-type', contentType]]
      if (contentEncoding !== undefined) headers.push(['content-encoding', contentEncoding])
      const line = JSON.stringify({ headers, chunks: chunks.map((chunk) => chunk.toString('base64')) })
      this.#process.stdin?.write(`${line}\n`)
    }
    const readings: Reading[] = []
    while (readings.length < requests.length) {
      const { value, done } = await this.#lines.next()
      if (done === true) throw new Error('FastAPI exited early; its errors are above.')
      readings.push(JSON.parse(value))
    }
    return readings
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.stdin?.end()
    await ended
  }
}
