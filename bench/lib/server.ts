import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { listen } from './listen.ts'
import { answerOf } from './machine.ts'

export const INSTALL = '`bash scripts/install-debian.sh` installs it'

/** A server that is a program of its own, without children. */
export interface ServerProgram {
  readonly program: string
  /** Its arguments for this port; the directory is its own. */
  readonly args: (port: number, directory: string) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Default: a free one. */
  readonly port?: number
  /** The one core that it may use. */
  readonly core?: number | undefined
}

export interface RunningServer {
  readonly url: string
  readonly pid: number
  /** Ends it with this signal, SIGKILL by default, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** How long a server may take to start, in milliseconds. */
const PATIENCE = 30_000
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * Starts a server with a directory of its own. It ends with this process at the latest.
 *
 * @throws {Error} with what it has printed when it does not start.
 */
export async function startServer(server: ServerProgram): Promise<RunningServer> {
  const { program, args, env, core } = server
  const directory = mkdtempSync(join(tmpdir(), 'bench-server-'))
  const port = server.port ?? (await freePort())
  // Each of these becomes what it runs. On Linux, the kernel ends the server even if this process is killed.
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core)]
  const bound = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL'] : []
  const [command = program, ...rest] = [...pinned, ...bound, program, ...args(port, directory)]
  const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } })
  running.add(child)
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk))
  const closed = once(child, 'close').finally(() => {
    running.delete(child)
    rmSync(directory, { recursive: true, force: true })
  })
  const stop = async (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal)
    await closed
  }
  const late = performance.now() + PATIENCE
  while (!(await listens(port))) {
    if (performance.now() < late && running.has(child)) continue
    await stop()
    throw new Error(`${program} does not listen: ${errors}`)
  }
  return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop }
}

/** Few servers can be told to take any free port, and to say which. */
export async function freePort(): Promise<number> {
  const { url, server } = await listen(() => {})
  server.close()
  await once(server, 'close')
  return Number(new URL(url).port)
}

async function listens(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  const connected = await once(socket, 'connect').then(
    () => true,
    () => sleep(25, false),
  )
  socket.destroy()
  return connected
}

/** The part of nginx.conf inside of `http`, for nginx to listen on this port. */
export type NginxConfig = (port: number) => string

/** The program, also where only root looks for it; `undefined` when it is not installed. */
export function findNginx(): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return directories.map((directory) => join(directory, 'nginx')).find((file) => existsSync(file))
}

/** nginx prints its version and how it was built on its standard error. */
export function aboutNginx(): { readonly version: string | undefined; readonly modules: string | undefined } {
  const said = answerOf('sh', '-c', '"$0" -V 2>&1', findNginx() ?? 'nginx') ?? ''
  return { version: /nginx\/(\S+)/.exec(said)?.[1], modules: /--modules-path=(\S+)/.exec(said)?.[1] }
}

/** Starts nginx as one process, like our router. */
export function startNginx(http: NginxConfig, core?: number, modules: readonly string[] = []) {
  const program = findNginx()
  if (program === undefined) throw new Error(`nginx is not installed: ${INSTALL}`)
  const args = (port: number, directory: string) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${directory}/${name};`,
    )
    const config = `${modules.map((file) => `load_module ${file};\n`).join('')}daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_max_body_size 32m;
  ${temporary.join(' ')}
${http(port)}
}`
    writeFileSync(join(directory, 'nginx.conf'), config)
    return ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr']
  }
  return startServer({ program, args, core })
}

/**
 * All servers as one upstream, in a configuration of our own that is as friendly to nginx as it can be: connections are
 * kept, bodies stay in memory.
 *
 * @param balance Directives of the upstream.
 * @param location Directives of the location.
 */
export function upstreamConfig(urls: readonly string[], balance: string, location: string): NginxConfig {
  return (port) => `
  client_body_buffer_size 1m;
  upstream pool {
    zone pool 256k;
    ${balance}
${urls.map((url) => `    server ${new URL(url).host};`).join('\n')}
    keepalive 128;
    keepalive_timeout 1500ms;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / {
      proxy_pass http://pool;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      ${location}
    }
  }`
}
