import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { ROOT } from './docs.ts'
import { until } from './servers.ts'

/** A gateway as its own process, killed when the test is over. */
export interface GatewayProcess {
  readonly url: string
  readonly child: ChildProcess
  /** The lines it has logged, those that are JSON parsed. */
  readonly lines: Record<string, unknown>[]
  /** Everything it has printed. */
  readonly output: string[]
  readonly exited: Promise<number | null>
}

export async function startProcess(
  which: 'express' | 'koa',
  env: Record<string, string>,
): Promise<GatewayProcess> {
  const { child, lines, output, exited } = spawnGateway(which, env)
  await until(
    () => lines.some(({ url }) => typeof url === 'string') || child.exitCode !== null,
    'the gateway runs',
  )
  const started = lines.find(({ url }) => typeof url === 'string')
  if (started === undefined) throw new Error(`the gateway ended: ${output.join('\n')}`)
  return { url: String(started['url']).replace('localhost', '127.0.0.1'), child, lines, output, exited }
}

export function spawnGateway(
  which: 'express' | 'koa',
  env: Record<string, string>,
): Omit<GatewayProcess, 'url'> {
  const {
    ML_TEXT_URL: _t,
    ML_IMAGE_URL: _i,
    ML_DEFAULT_URL: _d,
    ROUTER_CONFIG: _c,
    ...inherited
  } = process.env
  const child = spawn(process.execPath, [`examples/${which}-gateway/src/main.ts`], {
    cwd: ROOT,
    env: { ...inherited, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: Record<string, unknown>[] = []
  const output: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    output.push(line)
    if (line.startsWith('{')) lines.push(JSON.parse(line))
  })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return { child, lines, output, exited }
}
