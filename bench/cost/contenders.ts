import type { ProxyKind } from './proxy.ts'

/** What stands between the load generator and the backends. */
export type Contender = {
  /** By which `--only` chooses it. */
  readonly name: string
  readonly label: string
  /** Whether everything is measured of it; of the others, only what `FEW_CELLS` says. */
  readonly main: boolean
} & (
  | { readonly kind: 'none' }
  | { readonly kind: 'node'; readonly proxy: ProxyKind; readonly keepAlive: boolean }
  | { readonly kind: 'nginx'; readonly technique: NginxTechnique; readonly keepAlive: boolean }
  | { readonly kind: 'fastapi'; readonly keepAlive: boolean }
)

export type NginxTechnique = 'regex' | 'lua'

/** What the others are compared with. */
export const NONE = 'none'
/** What the targets are ratios to: router1's technique. */
export const YARDSTICK = 'nginx'
export const ROUTER = 'router'
/** The same without http-proxy-3. */
export const DIRECT = 'direct'
export const ADAPTERS: readonly string[] = ['express', 'koa']
/** What sends everything to one backend. */
export const NOT_ROUTING: readonly string[] = [NONE, 'http-proxy-3', 'http-proxy-3/close']

export const CONTENDERS: readonly Contender[] = [
  { name: NONE, label: 'no proxy', main: true, kind: 'none' },
  { name: ROUTER, label: 'createRouter', main: true, kind: 'node', proxy: 'router', keepAlive: true },
  {
    name: DIRECT,
    label: 'createRouter, forwarder: direct',
    main: false,
    kind: 'node',
    proxy: 'direct',
    keepAlive: true,
  },
  { name: 'express', label: 'Express adapter', main: true, kind: 'node', proxy: 'express', keepAlive: true },
  { name: 'koa', label: 'Koa adapter', main: true, kind: 'node', proxy: 'koa', keepAlive: true },
  {
    name: 'http-proxy-3',
    label: 'http-proxy-3, no routing',
    main: true,
    kind: 'node',
    proxy: 'http-proxy-3',
    keepAlive: true,
  },
  {
    name: YARDSTICK,
    label: 'nginx, regex (router1)',
    main: true,
    kind: 'nginx',
    technique: 'regex',
    keepAlive: false,
  },
  {
    name: 'lua',
    label: 'nginx, Lua (router3)',
    main: true,
    kind: 'nginx',
    technique: 'lua',
    keepAlive: false,
  },
  { name: 'fastapi', label: 'FastAPI', main: true, kind: 'fastapi', keepAlive: false },
  {
    name: 'nginx/keep',
    label: 'nginx, regex, kept connections',
    main: false,
    kind: 'nginx',
    technique: 'regex',
    keepAlive: true,
  },
  {
    name: 'lua/keep',
    label: 'nginx, Lua, kept connections',
    main: false,
    kind: 'nginx',
    technique: 'lua',
    keepAlive: true,
  },
  { name: 'fastapi/keep', label: 'FastAPI, kept connections', main: false, kind: 'fastapi', keepAlive: true },
  {
    name: 'http-proxy-3/close',
    label: 'http-proxy-3, new connections',
    main: false,
    kind: 'node',
    proxy: 'http-proxy-3',
    keepAlive: false,
  },
]
