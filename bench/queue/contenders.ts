import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, startNginx, startServer, upstreamConfig } from '../lib/server.ts'
import { BACKENDS } from './timeline.ts'

export interface Contender {
  readonly name: string
  readonly label: string
}

export const ROUTER = 'router'
export const LIST = 'immich'
export const NGINX = 'nginx'

export const CONTENDERS: readonly Contender[] = [
  { name: ROUTER, label: 'this router' },
  { name: LIST, label: "Immich's list" },
  { name: NGINX, label: 'nginx' },
]

/** A contender that runs. */
export interface Entrant {
  /** Immich's list of URLs. */
  readonly urls: readonly string[]
  /** Sends SIGTERM and waits until it has ended; only a gateway restarts. */
  readonly terminate?: () => Promise<void>
  /** Starts it again on the same port. */
  readonly start?: () => Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const RETRIES =
  'proxy_next_upstream error timeout http_500 http_502 http_503 http_504 http_403 http_404 http_429 non_idempotent;'

/** @param backends URLs, in order. */
export async function enter({ name }: Contender, backends: readonly string[]): Promise<Entrant> {
  if (name === LIST) return { urls: backends, [Symbol.asyncDispose]: async () => {} }
  if (name === ROUTER) return enterGateway(backends)
  const { url, stop } = await startNginx(upstreamConfig(backends, '', RETRIES))
  return { urls: [url], [Symbol.asyncDispose]: stop }
}

const GATEWAY = fileURLToPath(new URL('../../packages/gateway/src/main.ts', import.meta.url))

/** Its configuration is the URLs and nothing else. */
async function enterGateway(backends: readonly string[]): Promise<Entrant> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-queue-'))
  const config = join(directory, 'router.json')
  const urls = BACKENDS.map(({ name }, i) => [name, { url: backends[i] }])
  writeFileSync(config, JSON.stringify({ backends: Object.fromEntries(urls) }))
  const port = await freePort()
  const env = { PORT: String(port), ROUTER_CONFIG: config }
  const start = () => startServer({ program: process.execPath, args: () => [GATEWAY], env, port })
  let running = await start()
  return {
    urls: [running.url],
    terminate: () => running.stop('SIGTERM'),
    async start() {
      running = await start()
    },
    async [Symbol.asyncDispose]() {
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
