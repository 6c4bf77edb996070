import * as z from 'zod'
import { toError } from '../call-safely.ts'
import type { Clock } from '../clock.ts'
import { StateFile } from '../state-file.ts'
import type { Machine, MachineRecord } from './machine.ts'

/** Time between two writes, in milliseconds. */
const INTERVAL = 60_000

/** The text without machines. */
const EMPTY = '{}'

const records = z.record(
  z.string(),
  z.object({ jobs: z.number().int().nonnegative(), restarted: z.number().nonnegative() }),
)

/** Keeps the jobs and the last restart of each machine with `recycle` on disk. */
export class RecycleFile {
  /** What the last process has left. */
  readonly records: ReadonlyMap<string, MachineRecord>
  readonly #clock: Clock
  readonly #file: StateFile
  readonly #text: () => string
  #saved: string
  #next = Number.NEGATIVE_INFINITY
  #failure: string | undefined

  constructor(path: string, clock: Clock, machines: () => ReadonlyMap<string, Machine>) {
    this.#clock = clock
    this.#text = () =>
      JSON.stringify(
        Object.fromEntries(
          [...machines()].flatMap(([name, { settings, record }]) =>
            settings.recycle === undefined ? [] : [[name, record]],
          ),
        ),
      )
    this.#file = new StateFile(path, this.#text, (error) => this.#onSaved(error))
    this.records = this.#read()
    this.#saved = JSON.stringify(Object.fromEntries(this.records))
  }

  /** Writes what has changed, at most once a minute. */
  save(): void {
    if (this.#clock.now() < this.#next) return
    const text = this.#text()
    if (text === this.#saved) return
    this.#next = this.#clock.now() + INTERVAL
    this.#saved = text
    void this.#file.save()
  }

  /** Writes the last counts. Those before may not be on disk yet. */
  async close(): Promise<void> {
    if (this.#text() !== EMPTY) await this.#file.close()
  }

  #read(): ReadonlyMap<string, MachineRecord> {
    try {
      return new Map(Object.entries(records.parse(JSON.parse(this.#file.read() ?? EMPTY))))
    } catch (error) {
      const reason = error instanceof z.ZodError ? 'it is not from recycle' : toError(error).message
      process.emitWarning(`${this.#file.path} is ignored, recycle counts from 0: ${reason}`)
      return new Map()
    }
  }

  #onSaved(error: Error | undefined): void {
    const reason = error?.message
    if (reason !== undefined && reason !== this.#failure)
      process.emitWarning(`recycle cannot save its counts in ${this.#file.path}: ${reason}`)
    this.#failure = reason
  }
}
