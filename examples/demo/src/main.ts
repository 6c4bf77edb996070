import { randomBytes } from 'node:crypto'
import { parseConfig } from '@immich-ml-router/core'
import { type ImmichJob, immichForm, StubMlServer } from '@immich-ml-router/core/testing'
import { makeApp } from '@immich-ml-router/example-express-gateway'
import { startGateway } from '@immich-ml-router/gateway-kit'
import { pino } from 'pino'

// Two stub servers with real sockets: a NAS that is slow at images, and a fast GPU machine that sleeps.
const nas = await StubMlServer.start({ serviceTime: { clip: 30, 'facial-recognition': 800, ocr: 2_000 } })
const gpu = await StubMlServer.start({ serviceTime: { clip: 10, 'facial-recognition': 40, ocr: 120 } })
const options = parseConfig({
  backends: { nas: { url: nas.url }, gpu: { url: gpu.url, health: { interval: '500ms', timeout: '250ms' } } },
  routes: [
    {
      name: 'text search',
      match: { task: 'clip', type: 'textual' },
      backends: ['gpu', 'nas'],
      strategy: 'first',
    },
    { name: 'the rest', backends: ['gpu'] },
  ],
  // The defaults are 2 min and 30 s, which is too long for a demo.
  heartbeat: { after: '1s', every: '500ms' },
})
const gateway = await startGateway({
  makeApp,
  config: { options, port: 0, source: 'the demo' },
  logger: pino({ level: 'silent' }),
})

const startTime = performance.now()
let failed = false

console.log(
  `\nThe gateway is at ${gateway.url}. Searches go to the GPU machine or the NAS. Images are held for the GPU machine.\n`,
)

report('four jobs, as Immich sends them, while the GPU machine is on')
await show('text search', 'textSearch', 'a red car', 'gpu')
await show('smart search', 'indexing', preview(), 'gpu')
await show('faces', 'faces', preview(), 'gpu')
await show('OCR', 'ocr', preview(), 'gpu')

report('the GPU machine goes to sleep')
const down = new Promise<void>((resolve) => {
  const stop = gateway.router.on('backend', (event) => {
    if (event.kind !== 'probe' || event.to.kind !== 'down') return
    report('the probes fail: the GPU machine is down', event.to.reason)
    stop()
    resolve()
  })
})
await gpu.setFault('refuse')
await show('text search', 'textSearch', 'a blue car', 'nas')
await down
await show('text search', 'textSearch', 'a green car', 'nas')

report('ten images arrive and are held')
gateway.router.on('hold', ({ kind, held }) => {
  if (kind === 'released') report('an image goes to the GPU machine', `${held} still held`)
})
let heartbeats = 0
const { promise: thirtyHeartbeats, resolve: reachedThirty } = Promise.withResolvers<void>()
const images = Array.from({ length: 10 }, () => image())
await thirtyHeartbeats
await show('text search', 'textSearch', 'a yellow car', 'nas')

report('the GPU machine wakes up')
await gpu.setFault(undefined)
const answers = await Promise.all(images)
report('all ten images are done', `heartbeats, then JSON: ${JSON.stringify(answers[0]?.slice(0, 16))}…`)
for (const text of answers) check('clip' in JSON.parse(text), 'An image got no answer')
await show('text search', 'textSearch', 'a white car', 'gpu')

console.log()
await gateway.close()
await Promise.all([nas.close(), gpu.close()])
if (failed) process.exitCode = 1

/** Sends an image that is held. Returns the answer as text, including the white space of the heartbeats. */
async function image(): Promise<string> {
  const response = await post('indexing', preview())
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true })
    if (text.trim() !== '') continue
    heartbeats++
    if (heartbeats % 10 === 0) report('heartbeats keep the connection to Immich open', `${heartbeats} so far`)
    if (heartbeats === 30) reachedThirty()
  }
  return text
}

async function show(name: string, job: ImmichJob, payload: string | Blob, expected: string): Promise<void> {
  const started = performance.now()
  const response = await post(job, payload)
  await response.arrayBuffer()
  const backend = String(response.headers.get('x-immich-ml-backend'))
  report(name, `${response.status} by ${backend}, ${Math.round(performance.now() - started)} ms`)
  check(response.status === 200 && backend === expected, `Expected an answer of ${expected} for ${name}`)
}

function post(job: ImmichJob, payload: string | Blob): Promise<Response> {
  return fetch(`${gateway.url}/predict`, { method: 'POST', body: immichForm(job, payload) })
}

function preview(): Blob {
  return new Blob([randomBytes(500_000)])
}

function report(what: string, detail = ''): void {
  const time = `${((performance.now() - startTime) / 1000).toFixed(1)} s`
  console.log(`  ${time.padStart(6)}  ${what.padEnd(60)}${detail}`.trimEnd())
}

function check(holds: boolean, message: string): void {
  if (holds) return
  failed = true
  console.error(`${message}.`)
}
