import type http from 'node:http'
import https from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { HoldEvent, RouterOptions } from '@immich-ml-router/core'
import { GOOD_ANSWER, immichBody } from '@immich-ml-router/core/testing'
import { beforeAll } from 'vitest'
import { type Authority, authority, type KeyPair } from './certificates.ts'
import { serveRouter } from './router-server.ts'
import { listen } from './servers.ts'

export const search = immichBody('textSearch', 'cat')

export const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

export let ours: Authority

export let theirs: Authority

export let server: KeyPair

export let client: KeyPair

beforeAll(async () => {
  ;[ours, theirs] = await Promise.all([authority('ours'), authority('theirs')])
  ;[server, client] = await Promise.all([
    ours.certify(['ml.example', 'localhost', '127.0.0.1']),
    theirs.certify(['router']),
  ])
})

interface Asked {
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
  /** The client certificate's name. */
  readonly client: string | undefined
  /** What the server was asked for by the handshake (SNI). */
  readonly servername: string | false | null
}

export type Answer = (res: http.ServerResponse, req: http.IncomingMessage) => void

const well: Answer = (res) => res.end(GOOD_ANSWER)

/** A stand-in that writes down who asked. */
export function recorder(answer: Answer = well) {
  const asked: Asked[] = []
  const handle = (req: http.IncomingMessage, res: http.ServerResponse) => {
    const socket = req.socket as Partial<TLSSocket>
    const client = socket.getPeerCertificate?.().subject?.CN
    const { url: path = '', headers } = req
    asked.push({ path, headers, client: [client].flat()[0], servername: socket.servername ?? null })
    req.resume().on('end', () => answer(res, req))
  }
  const of = (path: string) => asked.filter((one) => one.path === path)
  return { handle, predicts: () => of('/predict'), probes: () => of('/ping') }
}

/** A stand-in with TLS. */
export async function secure(options: https.ServerOptions = {}, answer?: Answer) {
  const { handle, ...asked } = recorder(answer)
  const own = https.createServer({ ...server, ...options }, handle)
  // An https server is an http server to whoever listens with it.
  const { url } = await listen(own as unknown as http.Server)
  return { url: url.replace('http:', 'https:'), ...asked }
}

export async function plain(answer?: Answer) {
  const { handle, ...asked } = recorder(answer)
  return { ...(await listen(handle)), ...asked }
}

/** A router, and all that it tells. */
export async function serve(options: RouterOptions) {
  const { router, url, requests, changes } = await serveRouter(options)
  const holds: HoldEvent[] = []
  router.on('hold', (event) => holds.push(event))
  const tell = () => [router.status(), changes, holds, requests.map(({ req: _, res: __, ...rest }) => rest)]
  return { router, url, requests, changes, holds, tell }
}

/** A backend is down with its first failed probe. */
export const failing = { health: { fall: 1, timeout: '10s' } } as const
