import type { NginxConfig } from '../lib/nginx.ts'
import type { BackendName } from './jobs.ts'

export interface NginxRouting {
  readonly backends: Readonly<Record<BackendName, string>>
  /** Whether connections to the backends are kept, for which each needs to be a group. */
  readonly keepAlive: boolean
}

/** Our own configuration, by the technique of router1: regular expressions over the body, which a mirror makes nginx read first. */
export function byRegularExpression(routing: NginxRouting): NginxConfig {
  return (port) => `${common(routing)}
  map $request_body $backend {
    default ${nameOf('image', routing)};
    '~form-data; name="text"' ${nameOf('text', routing)};
    '~form-data; name="image"' ${nameOf('image', routing)};
  }
  server {
    ${listen(port)}
    location / {
      mirror /read;
      ${pass(routing)}
    }
    location = /read {
      internal;
      return 204;
    }
  }`
}

/** Our own configuration, by the technique of router3: a script reads the body, and looks for the part in its beginning. */
export function byLua(routing: NginxRouting): NginxConfig {
  return (port) => `${common(routing)}
  server {
    ${listen(port)}
    location / {
      set $backend '';
      access_by_lua_block {
        ngx.req.read_body()
        local beginning = string.sub(ngx.req.get_body_data() or '', 1, 8192)
        if string.find(beginning, ' name="text"', 1, true) then
          ngx.var.backend = '${nameOf('text', routing)}'
        else
          ngx.var.backend = '${nameOf('image', routing)}'
        end
      }
      ${pass(routing)}
    }
  }`
}

function common({ backends, keepAlive }: NginxRouting): string {
  const groups = Object.entries(backends).map(
    ([name, url]) => `  upstream ${name} {
    server ${new URL(url).host};
    keepalive 128;
    keepalive_requests 1000000;
  }`,
  )
  return `
  access_log off;
  client_max_body_size 32m;
  client_body_buffer_size 32m;
  client_body_in_single_buffer on;
${keepAlive ? groups.join('\n') : ''}`
}

function listen(port: number): string {
  return `listen 127.0.0.1:${port} backlog=1024;
    keepalive_requests 1000000;`
}

function pass({ keepAlive }: NginxRouting): string {
  const kept = keepAlive ? 'proxy_http_version 1.1; proxy_set_header Connection "";' : ''
  return `proxy_read_timeout 120s; ${kept}
      proxy_pass http://$backend;`
}

function nameOf(backend: BackendName, { backends, keepAlive }: NginxRouting): string {
  return keepAlive ? backend : new URL(backends[backend]).host
}
