import { spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StubMlServer } from '@immich-ml-router/core/testing'
import { prepare } from './prepare.ts'
import { type Setup, setups } from './setups.ts'

// Starts an unchanged set-up with stub servers as its backends.
const [name = ''] = process.argv.slice(2)
const setup = Object.hasOwn(setups, name) ? setups[name] : undefined
if (setup === undefined) {
  console.error(`usage: npm run example -- NAME, where NAME is one of\n  ${Object.keys(setups).join('\n  ')}`)
  process.exitCode = 2
} else {
  process.exitCode = await run(name, setup)
}

async function run(name: string, setup: Setup): Promise<number> {
  const stubs = await Promise.all(
    Object.entries(setup).map(async ([host, { sleeps, ...options }]) => ({
      host,
      sleeps,
      stub: await StubMlServer.start({ ...options, ...(sleeps ? { fault: 'refuse' } : {}) }),
    })),
  )
  const asleep = stubs.filter(({ sleeps }) => sleeps).map(({ stub }) => stub)
  const wakePort = asleep.length === 0 ? undefined : await listenForPackets(asleep)
  const urls = Object.fromEntries(stubs.map(({ host, stub }) => [host, stub.url]))
  const { program, environment, config } = await prepare(name, { urls, wakePort })
  const directory = await mkdtemp(join(tmpdir(), 'immich-ml-router-example-'))
  try {
    const file = join(directory, 'router.yaml')
    if (config !== undefined) await writeFile(file, config)
    const PORT = process.env['PORT'] ?? '3003'
    console.log(tryCommands(name, asleep.length > 0, Number(PORT)))
    const child = spawn(process.execPath, program.args, {
      cwd: program.cwd,
      stdio: 'inherit',
      env: {
        ...process.env,
        ...environment,
        PORT,
        ...(config === undefined ? {} : { ROUTER_CONFIG: file }),
      },
    })
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
    // The terminal also sends SIGINT to the child, so this process only has to outlive the child.
    process.on('SIGINT', () => {})
    const [code] = await once(child, 'exit')
    return code ?? 0
  } finally {
    await rm(directory, { recursive: true, force: true })
    await Promise.all(stubs.map(({ stub }) => stub.close()))
  }
}

/** Listens for a Wake-on-LAN packet and starts the sleeping servers 3 s later. @returns The port. */
async function listenForPackets(asleep: readonly StubMlServer[]): Promise<number> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.unref()
  socket.once('message', async () => {
    console.log('\nWake-on-LAN packet received: the sleeping machine will be up in 3 s.\n')
    await sleep(3_000, undefined, { ref: false })
    await Promise.all(asleep.map((stub) => stub.setFault(undefined)))
  })
  return socket.address().port
}

function tryCommands(name: string, sleeps: boolean, port: number): string {
  const curl = (entries: string, payload: string) =>
    `  curl -i -F 'entries=${entries}' -F '${payload}' http://localhost:${port}/predict`
  return `
The set-up examples/${name.startsWith('embedding/') ? name : `setups/${name}`}, with stub servers as its backends. Try in another terminal:

  a search, an image, and OCR${sleeps ? '; a request for the sleeping machine wakes it' : ''}

${curl('{"clip":{"textual":{"modelName":"any"}}}', 'text=cat')}
${curl('{"clip":{"visual":{"modelName":"any"}}}', 'image=@README.md')}
${curl('{"ocr":{"detection":{"modelName":"any"},"recognition":{"modelName":"any"}}}', 'image=@README.md')}

The header x-immich-ml-backend names the backend that answered. Ctrl+C stops everything.
`
}
