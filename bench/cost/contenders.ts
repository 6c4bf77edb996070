import type { NginxConfig } from '../lib/server.ts'
import type { BackendName } from './jobs.ts'
import type { ProxyKind } from './proxy.ts'

/** What stands between the load generator and the backends. */
export interface Contender {
  /** By which `--only` chooses it. */
  readonly name: string
  readonly label: string
  readonly kind: 'none' | ProxyKind | 'regex' | 'lua' | 'fastapi'
  /** Whether connections to the backends are kept. Our router always keeps them. */
  readonly keepAlive: boolean
  /** Whether everything is measured of it; of the others, only the jobs of the targets with 16 connections. */
  readonly main: boolean
}

/** The load itself. */
export const NONE = 'none'
/** The limit of this stack: node:http in, undici out, nothing else. */
export const FLOOR = 'floor'
export const ROUTER = 'router'
/** The router without http-proxy-3. */
export const DIRECT = 'direct'
export const ADAPTERS: readonly string[] = ['express', 'koa']
/** The technique of router1, which image targets are ratios to. */
export const YARDSTICK = 'nginx'

const main = (name: string, label: string, kind: Contender['kind'], keepAlive = true): Contender => ({
  ...{ name, label, kind, keepAlive, main: true },
})
const variant = (...args: Parameters<typeof main>): Contender => ({ ...main(...args), main: false })

export const CONTENDERS: readonly Contender[] = [
  main(NONE, 'no proxy', 'none'),
  variant(FLOOR, 'node:http and undici alone', 'floor'),
  main(ROUTER, 'createRouter', 'router'),
  variant(DIRECT, 'createRouter without http-proxy-3', 'direct'),
  main('express', 'Express adapter', 'express'),
  main('koa', 'Koa adapter', 'koa'),
  main('http-proxy-3', 'http-proxy-3, no routing', 'http-proxy-3'),
  main(YARDSTICK, 'nginx, regex (router1)', 'regex', false),
  main('lua', 'nginx, Lua (router3)', 'lua', false),
  main('fastapi', 'FastAPI', 'fastapi', false),
  variant('nginx/keep', 'nginx, regex, kept connections', 'regex'),
  variant('lua/keep', 'nginx, Lua, kept connections', 'lua'),
  variant('fastapi/keep', 'FastAPI, kept connections', 'fastapi'),
  variant('http-proxy-3/close', 'http-proxy-3, new connections', 'http-proxy-3', false),
]

/** Whether it chooses a backend; the others send everything to that for text. */
export function routes({ kind }: Contender): boolean {
  return kind !== 'floor' && kind !== 'http-proxy-3'
}

/**
 * Our own configurations, by the techniques of router1, regular expressions over the body, which a mirror makes nginx read
 * first, and of router3, a script that reads the body and searches its beginning.
 */
export function nginxConfig(
  { kind, keepAlive }: Contender,
  backends: Readonly<Record<BackendName, string>>,
): NginxConfig {
  const [text, image] = (['text', 'image'] as const).map((name) =>
    keepAlive ? name : new URL(backends[name]).host,
  )
  const groups = Object.entries(backends).map(
    ([name, url]) =>
      `upstream ${name} { server ${new URL(url).host}; keepalive 128; keepalive_requests 1000000; }`,
  )
  const lua = `set $backend '';
      access_by_lua_block {
        ngx.req.read_body()
        local beginning = string.sub(ngx.req.get_body_data() or '', 1, 8192)
        local text = string.find(beginning, ' name="text"', 1, true)
        ngx.var.backend = text and '${text}' or '${image}'
      }`
  const map = `map $request_body $backend {
    default ${image};
    '~form-data; name="text"' ${text};
    '~form-data; name="image"' ${image};
  }`
  return (port) => `
  client_body_buffer_size 32m;
  client_body_in_single_buffer on;
  ${keepAlive ? groups.join('\n  ') : ''}
  ${kind === 'regex' ? map : ''}
  server {
    listen 127.0.0.1:${port} backlog=1024;
    keepalive_requests 1000000;
    location = /read { internal; return 204; }
    location / {
      ${kind === 'regex' ? 'mirror /read;' : lua}
      proxy_read_timeout 120s;
      ${keepAlive ? 'proxy_http_version 1.1; proxy_set_header Connection "";' : ''}
      proxy_pass http://$backend;
    }
  }`
}
