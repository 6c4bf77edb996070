import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describeMachine } from '../lib/machine.ts'
import { freePort, type RunningServer, startServer } from '../lib/server.ts'
import { median } from '../lib/stats.ts'

/** How fast the bundled gateway starts, and the memory that it needs while idle, beside a Node server that does nothing. */

const STARTS = 9
/** When the resident memory is read, in milliseconds after the start. */
const IDLE = 10_000
const BUNDLE = fileURLToPath(new URL('../../packages/gateway/dist/main.cjs', import.meta.url))
const BARE = "require('node:http').createServer((req, res) => res.end()).listen(process.env.PORT)"

interface Subject {
  readonly name: string
  /** Its arguments, by a directory of its own. */
  readonly args: (directory: string) => readonly string[]
}

const subjects: readonly Subject[] = [
  { name: 'bare node:http', args: () => ['-e', BARE] },
  {
    name: 'gateway',
    args: (directory) => {
      const file = `${directory}/router.yaml`
      writeFileSync(file, 'backends: { gpu: { url: "http://127.0.0.1:9" } }')
      return [BUNDLE, file]
    },
  },
]

console.log(`\n${describeMachine().cpu}, load ${describeMachine().load}, Node ${process.versions.node}\n`)
for (const { name, args } of subjects) {
  const starts: number[] = []
  for (let i = 0; i < STARTS; i++) starts.push(await startOnce(args))
  const memory = await idleMemory(args)
  console.log(
    `${name.padEnd(15)} first answer ${Math.round(median(starts))} ms (median of ${STARTS}, ${Math.round(Math.min(...starts))} to ${Math.round(Math.max(...starts))}), resident ${memory} MB`,
  )
}
const bundle = readFileSync(BUNDLE)
console.log(
  `\nbundle ${megabytes(statSync(BUNDLE).size)} MB, ${megabytes(gzipSync(bundle).length)} MB packed`,
)

/** @returns Milliseconds from the start of the process to the first answer of `/ping`. */
async function startOnce(args: Subject['args']): Promise<number> {
  const began = performance.now()
  const server = await start(args)
  await (await fetch(`${server.url}/ping`)).text()
  const time = performance.now() - began
  await server.stop()
  return time
}

/** Loads the page and the metrics. @returns The resident memory when idle, in MB. */
async function idleMemory(args: Subject['args']): Promise<string> {
  const server = await start(args)
  for (const path of ['/_router', '/metrics']) await (await fetch(server.url + path)).text()
  await sleep(IDLE)
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8')) ?? []
  await server.stop()
  return megabytes(Number(kilobytes) * 1024)
}

async function start(args: Subject['args']): Promise<RunningServer> {
  const port = await freePort()
  return startServer({
    program: process.execPath,
    args: (_port, directory) => args(directory),
    env: { PORT: String(port) },
    port,
  })
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1)
}
