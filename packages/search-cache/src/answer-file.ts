import { closeSync, openSync, renameSync, rmSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'

/** An answer in the file. */
export interface StoredAnswer {
  readonly body: Buffer
  /** When it was saved, in milliseconds since 1970. */
  readonly time: number
}

/** What an answer file gets from outside. */
export interface AnswerFileOptions {
  /** Answers that are kept. */
  readonly maxEntries: number
  /** The time, in milliseconds since 1970. */
  readonly now: () => number
  /** Called with a problem in words, or with `undefined` once there is none any more. */
  readonly onProblem: (problem: string | undefined) => void
}

interface Pending {
  readonly model: string
  readonly body: Buffer
}

/** Marks the file as one of ours: "IMLs". */
const APPLICATION = 0x494d_4c73
const VERSION = 1
const SCHEMA = `
  CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    model TEXT NOT NULL,
    time INTEGER NOT NULL,
    used INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    body BLOB NOT NULL
  );
  CREATE INDEX by_use ON answers (used);
  CREATE INDEX by_model ON answers (model);
  PRAGMA application_id = ${APPLICATION};
  PRAGMA user_version = ${VERSION};
`
/** SQLite's SQLITE_CORRUPT and SQLITE_NOTADB. */
const CORRUPT: readonly unknown[] = [11, 26]
/** Answers that wait to be written. */
const MOST_PENDING = 256
/** The last use is written only when it has changed by so much: a search should not cost a write. In milliseconds. */
const USE_PRECISION = 3_600_000
/** How long a write waits for another process, in milliseconds: it stops everything else in this one. */
const BUSY_TIMEOUT = 50

/**
 * Answers in an SQLite file. It is as safe as SQLite's write-ahead log: a process that is killed loses the last few answers. A
 * damaged file is moved aside. Nothing throws: without a usable file there are no answers.
 */
export class AnswerFile {
  readonly #path: string
  #options: AnswerFileOptions
  #open: Statements | undefined
  #isMoving = false
  readonly #pending = new Map<string, Pending>()
  readonly #used = new Set<string>()
  #isScheduled = false
  /** No fewer answers than the file has; counted when that may be too many. */
  #mostEntries = Number.POSITIVE_INFINITY
  /** Whether something has failed since the last write. */
  #isFailing = false

  constructor(path: string, options: AnswerFileOptions) {
    this.#path = path
    this.#options = options
    this.#try(() => {
      this.#open = openFile(path)
    })
  }

  set maxEntries(maxEntries: number) {
    this.#options = { ...this.#options, maxEntries }
  }

  /** @param key At any length. */
  get(key: Buffer): StoredAnswer | undefined {
    return this.#try((statements) => {
      const row = statements?.get.get(key)
      if (row === undefined) return undefined
      const { body, time, used, crc } = row
      if (!(body instanceof Uint8Array) || typeof time !== 'number' || typeof used !== 'number')
        throw new DamagedError()
      if (crc32(body) !== crc) throw new DamagedError()
      if (this.#options.now() - used > USE_PRECISION) {
        this.#used.add(key.toString('hex'))
        this.#schedule()
      }
      return { body: Buffer.from(body.buffer, body.byteOffset, body.byteLength), time }
    })
  }

  /** Saves an answer, after what the process has to do now. */
  set(key: Buffer, model: string, body: Buffer): void {
    if (this.#open === undefined || this.#pending.size >= MOST_PENDING) return
    this.#pending.set(key.toString('hex'), { model, body: Buffer.from(body) })
    this.#schedule()
  }

  /** Removes the answers of a model, or all. @returns How many there were. */
  forget(model: string | undefined): number {
    this.#flush()
    const removed = this.#try((statements) =>
      model === undefined ? statements?.clear.run() : statements?.forget.run(model),
    )
    return Number(removed?.changes ?? 0)
  }

  close(): void {
    this.#flush()
    this.#try((statements) => statements?.database.close())
    this.#open = undefined
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#isScheduled = false
    if (this.#pending.size === 0 && this.#used.size === 0) return
    const [pending, used] = [[...this.#pending], [...this.#used]]
    this.#pending.clear()
    this.#used.clear()
    this.#try((statements) => {
      if (statements === undefined) return
      const { database, set, use } = statements
      const now = this.#options.now()
      database.exec('BEGIN IMMEDIATE')
      try {
        for (const [key, { model, body }] of pending)
          set.run(Buffer.from(key, 'hex'), model, now, now, crc32(body), body)
        for (const key of used) use.run(now, Buffer.from(key, 'hex'))
        this.#mostEntries += pending.length
        if (this.#mostEntries > this.#options.maxEntries) this.#evict(statements)
        database.exec('COMMIT')
      } catch (error) {
        // SQLite has rolled back already after some errors, such as a full disk.
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
      if (this.#isFailing) this.#options.onProblem(undefined)
      this.#isFailing = false
    })
  }

  /** Removes the answers that were not used for longest: a few more than it must, because counting takes a millisecond. */
  #evict({ count, evict }: Statements): void {
    const { maxEntries } = this.#options
    this.#mostEntries = Number(count.get()?.['count'] ?? 0)
    if (this.#mostEntries <= maxEntries) return
    const kept = maxEntries - Math.floor(maxEntries / 1_000)
    evict.run(this.#mostEntries - kept)
    this.#mostEntries = kept
  }

  /** Calls back with the open file. A damaged one is moved aside, and a new one opened. */
  #try<T>(work: (statements: Statements | undefined) => T): T | undefined {
    try {
      return work(this.#open)
    } catch (error) {
      const isDamaged =
        error instanceof DamagedError || CORRUPT.includes(Reflect.get(Object(error), 'errcode'))
      if (isDamaged && !this.#isMoving) this.#moveAside()
      else this.#fail(error)
      return undefined
    }
  }

  #fail(error: unknown): void {
    this.#isFailing = true
    this.#options.onProblem(`${this.#path}: ${error instanceof Error ? error.message : error}`)
  }

  #moveAside(): void {
    this.#isMoving = true
    const aside = `${this.#path}.damaged`
    this.#try(() => {
      try {
        this.#open?.database.close()
      } finally {
        this.#open = undefined
      }
    })
    this.#try(() => {
      renameSync(this.#path, aside)
      for (const suffix of ['-wal', '-shm']) rmSync(`${this.#path}${suffix}`, { force: true })
      this.#open = openFile(this.#path)
      this.#options.onProblem(`${this.#path} was damaged. It is ${aside} now, and a new file was begun.`)
    })
    this.#isMoving = false
  }
}

/** The file has other bytes than were written. */
class DamagedError extends Error {}

interface Statements
  extends Readonly<Record<'get' | 'set' | 'use' | 'count' | 'evict' | 'forget' | 'clear', StatementSync>> {
  readonly database: DatabaseSync
}

/** @throws {Error} when the file cannot be opened, or belongs to another program. */
function openFile(path: string): Statements {
  // Loaded with the first file. A bundler would drop the prefix, without which the module does not exist.
  const { DatabaseSync: Database } = process.getBuiltinModule('node:sqlite')
  // SQLite gives its other files the same mode.
  closeSync(openSync(path, 'a', 0o600))
  const database = new Database(path, { timeout: BUSY_TIMEOUT })
  try {
    prepareFile(database)
    return {
      database,
      get: database.prepare('SELECT body, time, used, crc FROM answers WHERE key = ?'),
      set: database.prepare(
        'INSERT INTO answers (key, model, time, used, crc, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET time = excluded.time, used = excluded.used, crc = excluded.crc, body = excluded.body',
      ),
      use: database.prepare('UPDATE answers SET used = ? WHERE key = ?'),
      count: database.prepare('SELECT count(*) AS count FROM answers'),
      evict: database.prepare(
        'DELETE FROM answers WHERE id IN (SELECT id FROM answers ORDER BY used LIMIT ?)',
      ),
      forget: database.prepare('DELETE FROM answers WHERE model = ?'),
      clear: database.prepare('DELETE FROM answers'),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

function prepareFile(database: DatabaseSync): void {
  const read = (name: string) => database.prepare(`PRAGMA ${name}`).get()?.[name]
  const isEmpty = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'] === 0
  if (!isEmpty && read('application_id') !== APPLICATION)
    throw new Error('is a database of another program; choose another path')
  // A killed process cannot damage the file, and a power cut only loses the last answers.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  if (!isEmpty && read('user_version') !== VERSION) database.exec('DROP TABLE IF EXISTS answers')
  else if (!isEmpty) return
  database.exec(`BEGIN; ${SCHEMA} COMMIT`)
}
