import { shorten } from '../shorten.ts'

/** A problem of the router itself, which the state of its backends does not show. */
export interface RouterNotice {
  /**
   * What it is about, in lower case: there is one notice of each kind. The router sets `http-1.0` (predict requests come over
   * HTTP/1.0, so clients that wait get no heartbeats), `body-spool` (request bodies cannot be written to disk) and `not-served`
   * (options have no effect, because no module serves them).
   */
  readonly kind: string
  /** `error`: requests can get lost, or settings are not applied. `warning`: something works less well. */
  readonly level: 'info' | 'warning' | 'error'
  /** What happened and what to do, in a sentence or two; cut to 500 characters. */
  readonly message: string
  /** Address of the client that it was first seen with, if it is about a client. */
  readonly client?: string | undefined
}

/** The notices of a router, for every module that has something to report. */
export interface Notices {
  /**
   * Adds a notice, or replaces the notice of the same kind. A new or changed one emits the event `notice`. At most 32 kinds
   * are kept: a further one replaces the one that was added first.
   *
   * @throws {RangeError} when the kind has other characters than `a` to `z`, digits, `.` and `-`.
   *
   * @example
   * ```ts
   * router.notices.set({ kind: 'backup', level: 'warning', message: 'No backup since Monday. Start the backup server.' })
   * router.notices.clear('backup')
   * ```
   */
  set(notice: RouterNotice): void
  /** Removes the notice of this kind, if there is one. */
  clear(kind: string): void
}

const MOST = 32
const LONGEST_MESSAGE = 500
const KIND = /^[a-z][a-z\d.-]{0,39}$/
const LEVELS: readonly RouterNotice['level'][] = ['error', 'warning', 'info']

/** The notices of a router, by kind. */
export class NoticeBoard implements Notices {
  readonly #notices = new Map<string, RouterNotice>()
  readonly #onSet: (notice: RouterNotice) => void

  /** @param onSet Called with a notice that is new or has changed. */
  constructor(onSet: (notice: RouterNotice) => void) {
    this.#onSet = onSet
  }

  set({ kind, level, message, client }: RouterNotice): void {
    if (!KIND.test(kind))
      throw new RangeError(`A notice's kind is a word such as "disk-full", not "${kind}".`)
    const before = this.#notices.get(kind)
    const notice: RouterNotice = {
      kind,
      level,
      message: shorten(message, LONGEST_MESSAGE),
      client: before?.client ?? client,
    }
    if (before?.level === level && before.message === notice.message) return
    const [first] = this.#notices.keys()
    if (before === undefined && first !== undefined && this.#notices.size >= MOST) this.#notices.delete(first)
    this.#notices.set(kind, notice)
    this.#onSet(notice)
  }

  clear(kind: string): void {
    this.#notices.delete(kind)
  }

  /** The worst first; of the same level, the oldest first. */
  get all(): RouterNotice[] {
    return [...this.#notices.values()].sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level))
  }
}
