import type { IncomingMessage } from 'node:http'
import { BodyConsumedError } from '../errors.ts'

/** The raw bytes that an earlier middleware read and kept: `express.raw()` in `body`, others in `rawBody`. */
export function keptBody(req: IncomingMessage): Uint8Array | undefined {
  for (const key of ['rawBody', 'body']) {
    const value: unknown = Reflect.get(req, key)
    if (value instanceof Uint8Array) return value
  }
  return undefined
}

/** @throws {BodyConsumedError} when the body was read and its bytes were not kept. */
export function refuseConsumedBody(req: IncomingMessage): void {
  if (req.readableDidRead || req.readableEnded) throw new BodyConsumedError(culprit(req))
}

/** Which middleware it was, by the traces that the usual ones leave. */
function culprit(req: IncomingMessage): string {
  const has = (key: string) => Reflect.get(req, key) !== undefined
  if (has('files') || has('file'))
    return 'one that parses uploads, such as multer, express-fileupload or koa-body'
  if (has('body')) return 'a body parser, such as express.json(), express.urlencoded() or a multipart parser'
  return 'one that reads request bodies'
}
