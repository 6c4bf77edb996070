import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findNginx, startNginx } from '../lib/nginx.ts'
import { freePort, startServer } from '../lib/program.ts'
import { type Contender, gatewayConfig, nginxConfig } from './contenders.ts'

/** A contender that runs. */
export interface Entrant {
  /** Immich's list of URLs. */
  readonly urls: readonly string[]
  /** Sends SIGTERM and waits until it has ended; only a gateway restarts. */
  readonly terminate?: () => Promise<void>
  /** Starts it again on the same port. */
  readonly start?: () => Promise<void>
  stop(): Promise<void>
}

/** @param backends URLs, in order. */
export async function enter({ kind }: Contender, backends: readonly string[]): Promise<Entrant> {
  if (kind === 'list') return { urls: backends, stop: async () => {} }
  if (kind === 'gateway') return enterGateway(backends)
  const program = findNginx()
  if (program === undefined) throw new Error('nginx is not installed')
  const { url, stop } = await startNginx(program, nginxConfig(backends))
  return { urls: [url], stop }
}

const GATEWAY = fileURLToPath(new URL('../../examples/express-gateway/src/main.ts', import.meta.url))

async function enterGateway(backends: readonly string[]): Promise<Entrant> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-queue-'))
  const config = join(directory, 'router.json')
  writeFileSync(config, gatewayConfig(backends))
  const port = await freePort()
  const env = { PORT: String(port), ROUTER_CONFIG: config }
  const start = () => startServer({ program: process.execPath, args: () => [GATEWAY], env, port })
  let running = await start()
  return {
    urls: [running.url],
    async terminate() {
      await running.terminate()
      await running.stop()
    },
    async start() {
      running = await start()
    },
    async stop() {
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
