import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.ts'
import type { Keeper } from './keeper.ts'

export interface Nginx {
  readonly url: string
  stop(): Promise<void>
}

/** The part of nginx.conf inside of `http`, for nginx to listen on this port. */
export type NginxConfig = (port: number) => string

/** The program, also where only root looks for it; `undefined` when it is not installed. */
export function findNginx(): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return directories.map((directory) => join(directory, 'nginx')).find((file) => existsSync(file))
}

export const INSTALL_NGINX = 'nginx is not installed: `bash scripts/install-debian.sh` installs it'

export function nginxVersion(program: string): string | undefined {
  // Debian's says "nginx version: nginx/1.22.1", on its standard error.
  const said = execFileSync('sh', ['-c', '"$0" -v 2>&1', program], { encoding: 'utf8' })
  return /nginx\/(\S+)/.exec(said)?.[1]
}

/**
 * Starts nginx on a free port, from a directory of its own, as one process: as many as our router has.
 *
 * @throws {Error} with what it has printed when it does not start.
 */
export async function startNginx(program: string, config: NginxConfig): Promise<Nginx> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-nginx-'))
  const keeper = new Child<Keeper>(new URL('./keeper.ts', import.meta.url))
  const stop = () => keeper.stop()
  try {
    const port = await freePort()
    const file = join(directory, 'nginx.conf')
    writeFileSync(file, wholeConfig(directory, config(port)))
    const args = ['-p', directory, '-c', file, '-e', 'stderr']
    await keeper.call('run', { program, args, directory })
    await listens(port, keeper)
    return { url: `http://127.0.0.1:${port}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function wholeConfig(directory: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${directory}/${name};`)
    .join('\n')
  return `daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
${temporary}
${http}
}
`
}

/** nginx cannot be told to take any port that is free. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port')
  return address.port
}

async function listens(port: number, keeper: Child<Keeper>): Promise<void> {
  for (let tries = 0; tries < 200 && !keeper.ended; tries++) {
    const socket = net.connect(port, '127.0.0.1')
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (connected) return
    await sleep(25)
  }
  throw new Error(`nginx does not listen: ${keeper.errors}`)
}
