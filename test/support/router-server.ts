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

/** A router behind an HTTP server, with its events so far. */
export interface RouterServer {
  readonly router: Router
  readonly server: Server
  readonly url: string
  readonly requests: RequestEvent[]
  /** The events of its backends. */
  readonly changes: BackendEvent[]
}

/**
 * Starts a router on a free port of the loopback interface and closes it after the test. By default it holds no requests and
 * sends no canaries.
 */
export async function serveRouter(options: RouterOptions): Promise<RouterServer> {
  const router = createRouter({ hold: false, canary: false, ...options })
  onTestFinished(() => router.close({ timeout: 0 }))
  const requests: RequestEvent[] = []
  const changes: BackendEvent[] = []
  router.on('request', (event) => requests.push(event))
  router.on('backend', (event) => changes.push(event))
  const { server, url } = await listen((req, res) => router.handle(req, res))
  return { router, server, url, requests, changes }
}
