import { readFileSync, statSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { toError } from './call-safely.ts'

/** A larger file is not ours. */
const LARGEST = 65_536

/** A small text file that is replaced as a whole, so that a crash leaves the old text or the new one. */
export class StateFile {
  readonly path: string
  readonly #text: () => string
  readonly #onFailure: (error: Error | undefined) => void
  #saving: Promise<boolean> | undefined
  #isPending = false
  #closing: Promise<boolean> | undefined

  /**
   * @param text The text to write, at the time of writing.
   * @param onFailure Called after each write, with its error.
   */
  constructor(path: string, text: () => string, onFailure: (error: Error | undefined) => void) {
    this.path = path
    this.#text = text
    this.#onFailure = onFailure
  }

  /** @returns `undefined` when there is no file. @throws {Error} when it cannot be read. */
  read(): string | undefined {
    try {
      if (statSync(this.path).size > LARGEST) throw new Error('it is too large')
      return readFileSync(this.path, 'utf8')
    } catch (error) {
      if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return undefined
      throw error
    }
  }

  /** Writes the state of now. @returns Whether it is on disk; `false` after `close()`. */
  async save(): Promise<boolean> {
    if (this.#closing !== undefined) return false
    this.#isPending = true
    // One that has begun may have taken an older text.
    await this.#saving
    if (this.#isPending) {
      this.#isPending = false
      this.#saving = this.#write()
    }
    return (await this.#saving) ?? false
  }

  /** Writes the last state. Nothing is written after that. */
  async close(): Promise<void> {
    this.#closing ??= this.save()
    await this.#closing
  }

  async #write(): Promise<boolean> {
    try {
      const temporary = `${this.path}.${process.pid}.new`
      const file = await open(temporary, 'w', 0o600)
      try {
        await file.writeFile(this.#text())
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, this.path)
      this.#onFailure(undefined)
      return true
    } catch (error) {
      this.#onFailure(toError(error))
      return false
    }
  }
}
