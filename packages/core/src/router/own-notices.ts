import type { BodyStore } from '../body/body-store.ts'
import type { ActiveRequest } from './active-requests.ts'
import type { NoticeBoard } from './notices.ts'

/** Time after the last request over HTTP/1.0 until its notice is cleared, in milliseconds. */
const HTTP_10_MEMORY = 15 * 60_000

const HTTP_10 =
  'Predict requests come over HTTP/1.0, so clients that wait get no heartbeats. In nginx, set proxy_http_version 1.1.'

/** The notices that the router itself sets: of HTTP/1.0, and of the disk for request bodies. */
export class OwnNotices {
  readonly #board: NoticeBoard
  readonly #store: BodyStore
  /** When a predict request last came over HTTP/1.0, on the router's clock. */
  #http10At = 0

  constructor(board: NoticeBoard, store: BodyStore) {
    this.#board = board
    this.#store = store
    store.disk.watch((problem) => {
      if (problem === undefined) board.clear('body-spool')
      else board.set({ kind: 'body-spool', level: 'error', message: problem })
    })
  }

  /** Notes that a request came over HTTP/1.0. */
  arrived({ req, head: { client } }: ActiveRequest, now: number): void {
    if (req.httpVersion !== '1.0') return
    this.#http10At = now
    this.#board.set({ kind: 'http-1.0', level: 'warning', message: HTTP_10, client })
  }

  /** Clears the notices whose cause is gone. */
  check(now: number): void {
    this.#store.disk.recheck()
    if (now - this.#http10At > HTTP_10_MEMORY) this.#board.clear('http-1.0')
  }
}
