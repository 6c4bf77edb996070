import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { answerOf } from '../lib/machine.ts'
import { aboutNginx, INSTALL } from '../lib/server.ts'
import type { Contender } from './contenders.ts'

/** Debian's, which has its packages: another may come first in PATH. */
export const PYTHON = '/usr/bin/python3'
const PYTHON_VERSIONS =
  'import sys, fastapi, uvicorn, httpx; print(sys.version.split()[0], fastapi.__version__, uvicorn.__version__, httpx.__version__)'

/** Of the programs and packages that take part; `undefined` for what is missing. */
export function versions(): Readonly<Record<string, string | undefined>> {
  const require = createRequire(import.meta.url)
  const packages = ['express', 'koa', 'http-proxy-3', 'undici'].map((name): [string, string] => [
    name,
    require(`${name}/package.json`).version,
  ])
  const [python, fastapi, uvicorn, httpx] = answerOf(PYTHON, '-c', PYTHON_VERSIONS)?.split(' ') ?? []
  const wrk = /\d+(\.\d+)+/.exec(answerOf('sh', '-c', 'wrk -v 2>&1 || true') ?? '')?.[0]
  const nginx = aboutNginx().version
  return { ...Object.fromEntries(packages), wrk, nginx, python, fastapi, uvicorn, httpx }
}

/** nginx's, in the order in which they are loaded; none if one is missing. */
export function luaModules(): string[] {
  const directory = aboutNginx().modules ?? ''
  const files = ['ndk_http_module.so', 'ngx_http_lua_module.so'].map((name) => join(directory, name))
  return files.every((file) => existsSync(file)) ? files : []
}

/** Why the bench cannot run at all. */
export function obstacle(wrk: string | undefined, needsWrk: boolean): string | undefined {
  if (process.platform !== 'linux') return 'the bench needs Linux, for its taskset and /proc'
  if (os.availableParallelism() < 2)
    return 'the bench needs two cores: one for the proxy, one for everything else'
  if (answerOf('taskset', '-V') === undefined) return `taskset is not installed: ${INSTALL}`
  return wrk === undefined && needsWrk ? `wrk is not installed: ${INSTALL}` : undefined
}

/** What a contender lacks. */
export function lackOf(
  { kind }: Contender,
  found: { nginx?: unknown; python?: unknown },
  lua: readonly string[],
) {
  if (kind === 'fastapi' && found.python === undefined) return 'FastAPI, uvicorn or httpx'
  if (kind !== 'regex' && kind !== 'lua') return undefined
  if (found.nginx === undefined) return 'nginx'
  return kind === 'lua' && lua.length === 0 ? "nginx's Lua module" : undefined
}
