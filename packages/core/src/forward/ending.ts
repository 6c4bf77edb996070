import type { IncomingMessage, ServerResponse } from 'node:http'
import { defaults } from '../config/defaults.ts'
import { ClientLeftError } from '../errors.ts'

/** Called when the end of a response was handed to the operating system, or with the error: the client has left. */
export type OnSent = (error?: Error | null) => void

/**
 * Ends a response whose bytes are all written, and drops the rest of the upload.
 *
 * If the connection will be closed, the end waits for the upload: closing a socket with unread bytes resets it, and a client
 * that is still sending would lose the answer. (nginx calls it a lingering close.)
 *
 * @param sized Whether the response has a content length. (Headers that were given to `writeHead` are not in `hasHeader`.)
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
 * Reads and drops the rest of an upload, so that its connection can be used again; one that takes too long is cut off. The
 * request must have no other reader.
 *
 * @param done Called when nothing more will arrive.
 */
export function discardUpload(req: IncomingMessage, done: () => void = () => {}): void {
  if (req.readableEnded || req.destroyed) {
    done()
    return
  }
  if (req.complete) {
    // All of it has arrived.
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
