import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import os from 'node:os'
import { findNginx, findNginxModule, nginxVersion } from '../lib/nginx.ts'
import { INSTALL } from '../lib/program.ts'
import type { Contender } from './contenders.ts'
import type { PartName } from './options.ts'

/** Programs of the system that take part; `undefined` for what is missing. */
export interface Tools {
  readonly wrk: string | undefined
  readonly strace: string | undefined
  readonly nginx: string | undefined
  /** In the order in which they are loaded. */
  readonly luaModules: readonly string[] | undefined
  /** Debian's, which has its packages: another may come first in PATH. */
  readonly python: string | undefined
  readonly versions: Readonly<Record<string, string | undefined>>
}

const PYTHON = '/usr/bin/python3'
const PYTHON_VERSIONS =
  'import sys, fastapi, uvicorn, httpx; print(sys.version.split()[0], fastapi.__version__, uvicorn.__version__, httpx.__version__)'

export function findTools(): Tools {
  const nginx = findNginx()
  const [python, fastapi, uvicorn, httpx] = answerOf(PYTHON, '-c', PYTHON_VERSIONS)?.split(' ') ?? []
  const wrk = /\d+(\.\d+)+/.exec(answerOf('sh', '-c', 'wrk -v 2>&1 || true') ?? '')?.[0]
  const strace = /\d+(\.\d+)+/.exec(answerOf('strace', '-V') ?? '')?.[0]
  const modules = ['ndk_http_module', 'ngx_http_lua_module'].map(
    (name) => nginx && findNginxModule(nginx, name),
  )
  const found = modules.filter((file) => file !== undefined)
  return {
    wrk: wrk && 'wrk',
    strace: strace && 'strace',
    nginx,
    luaModules: found.length === modules.length ? found : undefined,
    python: python && PYTHON,
    versions: {
      ...Object.fromEntries(
        ['express', 'koa', 'http-proxy-3', 'undici'].map((name) => [name, versionOf(name)]),
      ),
      wrk,
      nginx: nginx && nginxVersion(nginx),
      python,
      fastapi,
      uvicorn,
      httpx,
    },
  }
}

/** What hinders the bench altogether. */
export function obstacle({ wrk }: Tools, parts: readonly PartName[]): string | undefined {
  if (process.platform !== 'linux') return 'the bench needs Linux, for its taskset and /proc'
  if (os.availableParallelism() < 2)
    return 'the bench needs two cores: one for the proxy, one for everything else'
  if (answerOf('taskset', '-V') === undefined) return `taskset is not installed: ${INSTALL}`
  if (wrk === undefined && parts.some((part) => WITH_WRK.includes(part)))
    return `wrk is not installed: ${INSTALL}`
  return undefined
}

const WITH_WRK: readonly PartName[] = ['rounds', 'growth', 'million']

/** What a contender lacks. */
export function lackOf(contender: Contender, { nginx, luaModules, python }: Tools): string | undefined {
  switch (contender.kind) {
    case 'nginx':
      if (nginx === undefined) return 'nginx'
      return contender.technique === 'lua' && luaModules === undefined ? "nginx's Lua module" : undefined
    case 'fastapi':
      return python === undefined ? 'FastAPI, uvicorn or httpx' : undefined
    default:
      return undefined
  }
}

function answerOf(program: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

function versionOf(name: string): string | undefined {
  const { version }: { version?: string } = createRequire(import.meta.url)(`${name}/package.json`)
  return version
}
