import { randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '@immich-ml-router/core'
import type { ArchiveRecord } from './archive.ts'
import { defaults } from './defaults.ts'
import { decodeHistory, encodeHistory } from './history-format.ts'

export interface HistoryFileOptions {
  readonly path: string
  readonly clock: Clock
  /** Reads what is to be saved. */
  readonly record: () => ArchiveRecord
  /** Called with the reason, as a sentence, when the file is ignored. */
  readonly onIgnored: (reason: string) => void
  /** Called with a sentence when the file cannot be written, once for each reason, and without when it can again. */
  readonly onProblem: (problem: string | undefined) => void
}

/** Readable by this user only: the history has names of backends and models. */
const MODE = 0o600

/**
 * Keeps the archive in a file: written at most once a minute and at the end, each time to a new file that replaces the old
 * one. So the file is whole at any time, also after a crash. Whatever is wrong with it changes nothing else.
 */
export class HistoryFile {
  readonly #options: HistoryFileOptions
  /** The file as this process read or wrote it. Any other was written by another process. */
  #own: string | undefined
  #hasChanged = false
  /** The file of the save in progress. */
  #saving: string | undefined
  /** The end of the last save. */
  #saved: Promise<void> | undefined
  #cancel: (() => void) | undefined
  #closed = false
  #problem: string | undefined

  constructor(options: HistoryFileOptions) {
    this.#options = options
  }

  /** Whether a save is in progress. */
  get isSaving(): boolean {
    return this.#saving !== undefined
  }

  /** @returns `undefined` if the file does not exist or is ignored. */
  load(): ArchiveRecord | undefined {
    const { path, onIgnored } = this.#options
    removeLeftovers(path)
    try {
      this.#own = identityOf(path)
      return decodeHistory(readRegular(path))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT')
        onIgnored(`The history file ${path} is ignored and will be replaced: ${messageOf(error)}.`)
      return undefined
    }
  }

  /** Saves within a minute. */
  changed(): void {
    this.#hasChanged = true
    if (this.#cancel !== undefined || this.#closed) return
    this.#cancel = this.#options.clock.after(defaults.save, () => void this.save())
  }

  /** Saves now, without blocking the event loop. Never rejects. */
  async save(): Promise<void> {
    // The disk takes longer than a minute.
    if (this.#saving !== undefined) return this.changed()
    const text = this.#begin()
    if (text === undefined) return
    const temporary = temporaryOf(this.#options.path)
    this.#saving = temporary
    this.#saved = this.#write(temporary, text)
    await this.#saved
  }

  async #write(temporary: string, text: string): Promise<void> {
    try {
      const handle = await open(temporary, 'wx', MODE)
      try {
        await handle.writeFile(text)
        // Otherwise, the file may be empty after a power failure.
        await handle.sync()
      } finally {
        await handle.close()
      }
      this.#replace(temporary)
    } catch (error) {
      this.#fail(temporary, error)
    }
    this.#saving = undefined
  }

  /** Saves the last changes at once and stops. Resolves when a save in progress has ended as well. */
  async close(): Promise<void> {
    if (!this.#closed) {
      const saving = this.#saving
      if (this.#hasChanged || saving !== undefined) this.#saveNow()
      this.#closed = true
      this.#cancel?.()
      // The process may exit before the save ends.
      if (saving !== undefined) remove(saving)
    }
    await this.#saved
  }

  #saveNow(): void {
    const { path } = this.#options
    const text = this.#begin()
    if (text === undefined) return
    const temporary = temporaryOf(path)
    try {
      const file = openSync(temporary, 'wx', MODE)
      try {
        writeFileSync(file, text)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      this.#replace(temporary)
    } catch (error) {
      this.#fail(temporary, error)
    }
  }

  /** @returns The content to save; `undefined` if another process writes the file. */
  #begin(): string | undefined {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#isForeign()) return undefined
    this.#hasChanged = false
    return encodeHistory(this.#options.record())
  }

  /** Without a pause between the check and the rename, so that an old save cannot replace the one of `close()`. */
  #replace(temporary: string): void {
    const { path } = this.#options
    if (this.#closed || this.#isForeign()) remove(temporary)
    else {
      renameSync(temporary, path)
      this.#own = identityOf(path)
      this.#report(undefined)
    }
  }

  #isForeign(): boolean {
    const { path } = this.#options
    const found = identityOf(path)
    if (found === undefined || found === this.#own) return false
    this.#report(
      `The history is no longer saved: another process writes ${path}. Give each gateway a history file of its own.`,
    )
    return true
  }

  #fail(temporary: string, error: unknown): void {
    remove(temporary)
    if (this.#closed) return
    const { path } = this.#options
    this.#report(
      `The history cannot be saved in ${path}: ${messageOf(error)}. Only the status page after a restart needs it.`,
    )
    // The cause may go away.
    this.changed()
  }

  #report(problem: string | undefined): void {
    if (problem === this.#problem) return
    this.#problem = problem
    this.#options.onProblem(problem)
  }
}

/** Neither a link nor a pipe, which could block, and no more bytes than a history has. */
function readRegular(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) throw new Error('it is not a regular file')
    if (stats.size > defaults.historySize)
      throw new Error(`it has ${stats.size} bytes, more than ${defaults.historySize}`)
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

function identityOf(path: string): string | undefined {
  try {
    const { dev, ino, mtimeMs, size } = lstatSync(path)
    return `${dev} ${ino} ${mtimeMs} ${size}`
  } catch {
    return undefined
  }
}

const TEMPORARY = /\.[\da-f-]{36}\.tmp$/
/** A temporary file of this age is of a process that was killed. */
const LEFT_AFTER = 60_000

function temporaryOf(path: string): string {
  return `${path}.${randomUUID()}.tmp`
}

function removeLeftovers(path: string): void {
  const directory = dirname(path)
  try {
    for (const name of readdirSync(directory)) {
      const file = join(directory, name)
      const isOurs = name.startsWith(`${basename(path)}.`) && TEMPORARY.test(name)
      if (isOurs && Date.now() - lstatSync(file).mtimeMs > LEFT_AFTER) unlinkSync(file)
    }
  } catch {
    // The first save says what is wrong with the directory.
  }
}

function remove(file: string): void {
  try {
    unlinkSync(file)
  } catch {
    // It was not created, or is removed already.
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function messageOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full'
    case 'EROFS':
      return 'the file system is read-only'
    case 'EACCES':
    case 'EPERM':
      return 'this user may not do so'
    case 'ENOENT':
      return 'the directory does not exist'
    case 'ELOOP':
      return 'it is a symbolic link'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
