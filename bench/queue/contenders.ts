import type { BackendName } from '../../test/support/fault-rows.ts'
import type { NginxConfig } from '../lib/nginx.ts'

export interface BackendSpec {
  readonly name: BackendName
  /** Requests that it computes at once. */
  readonly threads: number
  /** Milliseconds for each request. */
  readonly time: number
}

/** In the order of the URLs. */
export const BACKENDS: readonly BackendSpec[] = [
  { name: 'gpu', threads: 4, time: 20 },
  { name: 'nas', threads: 1, time: 150 },
]

export const ROUTER = 'router'
export const LIST = 'immich'

export interface Contender {
  readonly name: string
  readonly label: string
  readonly kind: 'gateway' | 'list' | 'nginx'
}

export const CONTENDERS: readonly Contender[] = [
  { name: ROUTER, label: 'this router', kind: 'gateway' },
  { name: LIST, label: "Immich's list", kind: 'list' },
  { name: 'nginx', label: 'nginx', kind: 'nginx' },
]

/** The gateway's configuration: the URLs and nothing else. */
export function gatewayConfig(urls: readonly string[]): string {
  return JSON.stringify({
    backends: Object.fromEntries(BACKENDS.map(({ name }, i) => [name, { url: urls[i] }])),
  })
}

export function nginxConfig(urls: readonly string[]): NginxConfig {
  return (port) => `
  access_log off;
  client_max_body_size 32m;
  client_body_buffer_size 1m;
  upstream pool {
${urls.map((url) => `    server ${new URL(url).host};`).join('\n')}
    keepalive 64;
    keepalive_timeout 1500ms;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / {
      proxy_pass http://pool;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream error timeout http_500 http_502 http_503 http_504 http_403 http_404 http_429 non_idempotent;
    }
  }`
}
