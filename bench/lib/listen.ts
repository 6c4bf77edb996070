import { once } from 'node:events'
import http, { type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An HTTP server on a free port of loopback. */
export async function listen(
  listener: RequestListener,
): Promise<{ readonly url: string; readonly server: Server }> {
  // Immich's ML server closes idle connections after 2 s, too.
  const server = http.createServer({ keepAliveTimeout: 2_000 }, listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}
