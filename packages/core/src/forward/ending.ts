import type { IncomingMessage, ServerResponse } from 'node:http'
import { defaults } from '../config/defaults.ts'
import { ClientLeftError } from '../errors.ts'

/** Told that the end of a response is handed to the operating system, or why it cannot be: the client has left. */
export type OnSent = (error?: Error | null) => void

/**
 * Ends a response whose bytes are all written, and drops what the client is still uploading.
 *
 * Where the connection is to be closed behind the response, that waits for the upload: closing a socket with unread
 * bytes resets it, and a client that is still sending would lose the answer. (nginx calls it a lingering close.)
 *
 * @param sized Whether the client knows by a content length that it has the whole response. (Node does not tell: headers
 *   that were given to `writeHead` are not in `hasHeader`.)
 */
export function endResponse(res: ServerResponse, sized: boolean, done: OnSent): void {
  const { req } = res
  const lingers = sized && !req.complete && !res.shouldKeepAlive
  // Node 22 takes a response for finished when its connection has failed.
  const onEnd: OnSent = (error) => done(error ?? (req.socket?.destroyed ? new ClientLeftError() : undefined))
  discardUpload(req, () => {
    if (lingers) res.end(onEnd)
  })
  if (!lingers) res.end(onEnd)
}

/**
 * Reads and drops what a client is still uploading, so that its connection can be used again; one that goes on for too
 * long is cut off. Nobody else may be reading the request any more.
 *
 * @param done Called when nothing more will come.
 */
export function discardUpload(req: IncomingMessage, done: () => void = () => {}): void {
  if (req.readableEnded || req.destroyed) {
    done()
    return
  }
  if (req.complete) {
    // What there is to drop is here already.
    req.resume()
    done()
    return
  }
  const timer = setTimeout(() => req.destroy(), defaults.lingerTimeout)
  timer.unref()
  const finish = () => {
    clearTimeout(timer)
    req.off('end', finish).off('close', finish)
    done()
  }
  req.on('end', finish).on('close', finish).resume()
}
