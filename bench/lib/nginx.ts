import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { ChildOptions } from './child.ts'
import { INSTALL, type RunningServer, startServer } from './program.ts'

/** The part of nginx.conf inside of `http`, for nginx to listen on this port. */
export type NginxConfig = (port: number) => string

export interface NginxOptions extends ChildOptions {
  /** Files of the modules that it loads. */
  readonly modules?: readonly string[]
}

/** The program, also where only root looks for it; `undefined` when it is not installed. */
export function findNginx(): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return directories.map((directory) => join(directory, 'nginx')).find((file) => existsSync(file))
}

export const INSTALL_NGINX = `nginx is not installed: ${INSTALL}`

export function nginxVersion(program: string): string | undefined {
  // Debian's says "nginx version: nginx/1.22.1".
  return /nginx\/(\S+)/.exec(saidBy(program, '-v'))?.[1]
}

/**
 * The file of a module that is not built in.
 *
 * @returns `undefined` when it is not installed.
 */
export function findNginxModule(program: string, name: string): string | undefined {
  const directory = /--modules-path=(\S+)/.exec(saidBy(program, '-V'))?.[1]
  const file = join(directory ?? '', `${name}.so`)
  return directory !== undefined && existsSync(file) ? file : undefined
}

/** nginx answers questions on its standard error. */
function saidBy(program: string, question: string): string {
  return execFileSync('sh', ['-c', '"$0" "$1" 2>&1', program, question], { encoding: 'utf8' })
}

/**
 * Starts nginx on a free port, from a directory of its own, as one process: as many as our router has.
 *
 * @throws {Error} with what it has printed when it does not start.
 */
export function startNginx(
  program: string,
  config: NginxConfig,
  { modules = [], ...options }: NginxOptions = {},
): Promise<RunningServer> {
  const args = (port: number, directory: string) => {
    const file = join(directory, 'nginx.conf')
    writeFileSync(file, wholeConfig(directory, modules, config(port)))
    return ['-p', directory, '-c', file, '-e', 'stderr']
  }
  return startServer({ program, args }, options)
}

function wholeConfig(directory: string, modules: readonly string[], http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${directory}/${name};`)
    .join('\n')
  return `${modules.map((file) => `load_module ${file};\n`).join('')}daemon off;
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
