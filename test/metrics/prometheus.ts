import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { ROOT } from '../support/docs.ts'
import { until } from '../support/servers.ts'
import { temporaryDirectory } from '../support/temporary-file.ts'

const CONFIG = join(ROOT, 'examples/monitoring/prometheus.yml')

/** One series of an answer, and its value. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** A Prometheus that scrapes one gateway several times a second, by the configuration that we ship. */
export class Prometheus {
  readonly #url: string

  private constructor(url: string) {
    this.#url = url
  }

  static async start(target: string): Promise<Prometheus> {
    const directory = await temporaryDirectory()
    const config = join(directory, 'prometheus.yml')
    await writeFile(config, await configFor(target))
    const child = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        '--web.listen-address=127.0.0.1:0',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const exited = once(child, 'exit')
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await exited
    })
    let address: string | undefined
    const lines: string[] = []
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line)
      address ??= /msg="Listening on" address=(\S+)/.exec(line)?.[1]
    })
    await until(() => address !== undefined || child.exitCode !== null, 'Prometheus listens', 30)
    if (address === undefined) throw new Error(`Prometheus ended:\n${lines.join('\n')}`)
    const url = `http://${address}`
    await until(async () => (await fetch(`${url}/-/ready`)).ok, 'Prometheus is ready', 30)
    return new Prometheus(url)
  }

  /** When it has scraped the gateway next, in milliseconds: a scrape that began after this was called. */
  async nextScrape(): Promise<number> {
    const from = Date.now()
    let found: number | undefined
    await until(
      async () => {
        const [series] = await this.#get<{ values: [number, string][] }>('up[5m]')
        found = series?.values
          .map(([seconds, up]) => ({ time: Math.round(seconds * 1_000), up }))
          // It moves the times of scrapes by up to 2 ms, so that they are as far from one another.
          .find(({ time, up }) => up === '1' && time > from + 5)?.time
        return found !== undefined
      },
      'Prometheus has scraped the gateway',
      30,
    )
    if (found === undefined) throw new Error('there was no scrape')
    return found
  }

  /** @param time In milliseconds. */
  async query(expression: string, time: number): Promise<Sample[]> {
    const result = await this.#get<{ metric: Record<string, string>; value: [number, string] }>(
      expression,
      time,
    )
    return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }))
  }

  async #get<T>(query: string, time?: number): Promise<T[]> {
    const parameters = new URLSearchParams({
      query,
      ...(time === undefined ? {} : { time: (time / 1_000).toFixed(3) }),
    })
    const response = await fetch(`${this.#url}/api/v1/query`, { method: 'POST', body: parameters })
    const { data, error } = (await response.json()) as { data?: { result: T[] }; error?: string }
    if (data === undefined) throw new Error(`${query}: ${error}`)
    return data.result
  }
}

async function configFor(target: string): Promise<string> {
  const shipped = parse(await readFile(CONFIG, 'utf8'))
  const [job] = shipped.scrape_configs
  return stringify({
    ...shipped,
    global: { scrape_interval: '200ms', scrape_timeout: '200ms', evaluation_interval: '1s' },
    rule_files: shipped.rule_files.map((file: string) => join(dirname(CONFIG), file)),
    scrape_configs: [{ ...job, static_configs: [{ targets: [new URL(target).host] }] }],
  })
}
