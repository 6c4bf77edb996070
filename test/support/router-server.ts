import type { Server } from 'node:http'
import {
  type BackendEvent,
  createRouter,
  type RequestEvent,
  type Router,
  type RouterOptions,
} from '@immich-ml-router/core'
import { onTestFinished } from 'vitest'
import { listen } from './servers.ts'

/** A router that listens, and what it has told so far. */
export interface RouterServer {
  readonly router: Router
  readonly server: Server
  readonly url: string
  readonly requests: RequestEvent[]
  /** Of its backends. */
  readonly changes: BackendEvent[]
}

/** A router on a free port of loopback, closed when the test is over. It holds no request unless the options say so. */
export async function serveRouter(options: RouterOptions): Promise<RouterServer> {
  const router = createRouter({ hold: false, ...options })
  onTestFinished(() => router.close({ timeout: 0 }))
  const requests: RequestEvent[] = []
  const changes: BackendEvent[] = []
  router.on('request', (event) => requests.push(event))
  router.on('backend', (event) => changes.push(event))
  const { server, url } = await listen((req, res) => router.handle(req, res))
  return { router, server, url, requests, changes }
}
