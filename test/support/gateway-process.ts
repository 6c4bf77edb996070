import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import net, { type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { type Program, prepare, type StubServers } from '@immich-ml-router/example-setups'
import { onTestFinished } from 'vitest'
import { ROOT } from './docs.ts'
import { until } from './servers.ts'
import { temporaryDirectory } from './temporary-file.ts'

/** A gateway in its own process, which is killed after the test. */
export interface GatewayProcess {
  readonly url: string
  readonly child: ChildProcess
  /** The log lines that are JSON, parsed. */
  readonly lines: Record<string, unknown>[]
  /** Every line of its output. */
  readonly output: string[]
  readonly exited: Promise<number | null>
}

/** The gateway of `@immich-ml-router/gateway`, and the examples of the same on a framework. */
export const GATEWAYS = ['package', 'express', 'koa'] as const
export type GatewayName = (typeof GATEWAYS)[number]

function mainOf(which: GatewayName): string {
  return which === 'package' ? 'packages/gateway/src/main.ts' : `examples/${which}-gateway/src/main.ts`
}

export async function startProcess(which: GatewayName, env: Record<string, string>): Promise<GatewayProcess> {
  return started(spawnGateway(which, env))
}

/** Runs a gateway twice in a row on one listening socket, as systemd does with socket activation. */
export async function startTwiceOnSocket(
  which: GatewayName,
  env: Record<string, string>,
): Promise<GatewayProcess & { readonly pids: () => number[] }> {
  const socket = net.createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  const main = mainOf(which)
  const twice = ['-c', '"$0" "$1"; "$0" "$1"', process.execPath, main]
  const spawned = spawnProgram(
    { cwd: ROOT, args: twice },
    { ...env, LISTEN_FDS: '1' },
    { program: 'sh', fd: fdOf(socket) },
  )
  // If this process kept the socket, it would also accept connections.
  socket.close()
  const pids = () => [...new Set(spawned.lines.map(({ pid }) => Number(pid)))]
  onTestFinished(() => {
    spawned.child.kill('SIGKILL')
    for (const pid of pids()) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  })
  return { ...(await started(spawned)), url: `http://127.0.0.1:${port}`, pids }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function fdOf(socket: Server): number {
  const handle: unknown = Reflect.get(socket, '_handle')
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined
  if (typeof fd !== 'number') throw new Error('the socket has no file descriptor')
  return fd
}

export function spawnGateway(which: GatewayName, env: Record<string, string>): Spawned {
  return spawnProgram({ cwd: ROOT, args: [mainOf(which)] }, env)
}

/** Starts a set-up with stub servers as its backends, the way its compose file or Deployment starts it. */
export async function startSetup(name: string, servers: StubServers): Promise<GatewayProcess> {
  const { program, environment, config } = await prepare(name, servers)
  if (config === undefined) return started(spawnProgram(program, { ...environment, PORT: '0' }))
  const directory = await temporaryDirectory()
  const file = join(directory, 'router.yaml')
  await writeFile(file, config)
  return started(spawnProgram(program, { ...environment, PORT: '0', ROUTER_CONFIG: file }))
}

/** Starts the program of `npm run example`. */
export async function startExample(name: string): Promise<GatewayProcess> {
  const spawned = spawnProgram({ cwd: ROOT, args: ['examples/setups/src/main.ts', name] }, {})
  // The program forwards SIGTERM to its gateway. SIGKILL would leave the gateway running.
  onTestFinished(async () => {
    spawned.child.kill('SIGTERM')
    await spawned.exited
  })
  return started(spawned)
}

/** Node keeps the compiled modules of gateways here, and starts the next one in two thirds of the time. */
export const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/compile')

type Spawned = Omit<GatewayProcess, 'url'>

export async function started(spawned: Spawned): Promise<GatewayProcess> {
  const { child, lines, output } = spawned
  // A gateway logs its URL as a field; the programs that embed the router print it.
  const url = () =>
    lines.find(({ url }) => typeof url === 'string')?.['url'] ??
    output.find((line) => line.startsWith('Listening on '))?.slice('Listening on '.length)
  await until(() => url() !== undefined || child.exitCode !== null, 'the gateway runs', 25)
  if (url() === undefined) throw new Error(`the gateway exited: ${output.join('\n')}`)
  return { ...spawned, url: String(url()).replace('localhost', '127.0.0.1') }
}

/** @param options The executable, its standard input, and a file descriptor that it inherits as number 3. */
export function spawnProgram(
  { cwd, args }: Program,
  env: Record<string, string>,
  {
    program = process.execPath,
    stdin = 'ignore',
    fd,
  }: { program?: string; stdin?: 'ignore' | 'pipe'; fd?: number } = {},
): Spawned {
  const {
    ML_TEXT_URL: _t,
    ML_IMAGE_URL: _i,
    ML_DEFAULT_URL: _d,
    ROUTER_CONFIG: _c,
    STATUS_PAGE: _s,
    ADMIN_TOKEN: _a,
    STATUS_PAGE_HOSTS: _h,
    ...inherited
  } = process.env
  const child = spawn(program, args, {
    cwd,
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...inherited, PORT: '0', ...env },
    stdio: [stdin, 'pipe', 'pipe', ...(fd === undefined ? [] : [fd])],
  })
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('the gateway has no output')
  const lines: Record<string, unknown>[] = []
  const output: string[] = []
  for (const stream of [stdout, stderr]) {
    // A killed program can leave an incomplete last line, which is ignored.
    let unfinished = ''
    stream.setEncoding('utf8').on('data', (text: string) => {
      const complete = `${unfinished}${text}`.split('\n')
      unfinished = complete.pop() ?? ''
      for (const line of complete) {
        output.push(line)
        if (line.startsWith('{')) lines.push(JSON.parse(line))
      }
    })
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  onTestFinished(async () => {
    // A program that is not over may still write to a directory that is removed next.
    if (child.kill('SIGKILL')) await exited
  })
  return { child, lines, output, exited }
}
