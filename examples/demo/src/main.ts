import { randomBytes } from 'node:crypto'
import { parseConfig } from '@immich-ml-router/core'
import { makeApp } from '@immich-ml-router/example-express-gateway'
import { startGateway } from '@immich-ml-router/example-gateway-kit'
import { StubMl } from '@immich-ml-router/example-stub-ml'
import { pino } from 'pino'

// A NAS that is slow at images and a GPU machine that is fast and sleeps, as stand-ins with real sockets.
const nas = await StubMl.start({ serviceTime: { clip: 30, 'facial-recognition': 800, ocr: 2_000 } })
const gpu = await StubMl.start({ serviceTime: { clip: 10, 'facial-recognition': 40, ocr: 120 } })
const options = parseConfig({
  backends: { nas: { url: nas.url }, gpu: { url: gpu.url, health: { interval: '500ms', timeout: '250ms' } } },
  routes: [
    { name: 'text search', match: { task: 'clip', type: 'textual' }, backends: ['gpu', 'nas'] },
    { name: 'the rest', backends: ['gpu'] },
  ],
  // Two minutes and half a minute in earnest; nobody wants to watch that long.
  heartbeat: { after: '1s', every: '500ms' },
})
const gateway = await startGateway(
  makeApp,
  { options, port: 0, source: 'the demo', stubs: [nas, gpu] },
  pino({ level: 'silent' }),
)

const began = performance.now()
let failed = false

console.log(
  `\nA gateway on ${gateway.url}. Search goes to the GPU machine, or the NAS; images wait for the GPU machine.\n`,
)

say('four jobs, as Immich sends them, while the GPU machine is on')
const detection = { detection: { modelName: 'm' }, recognition: { modelName: 'm' } }
const search = { clip: { textual: { modelName: 'ViT-B-32__openai' } } }
const indexing = { clip: { visual: { modelName: 'ViT-B-32__openai' } } }
await show('text search', search, 'a red car', 'gpu')
await show('smart search', indexing, preview(), 'gpu')
await show('faces', { 'facial-recognition': detection }, preview(), 'gpu')
await show('OCR', { ocr: detection }, preview(), 'gpu')

say('the GPU machine goes to sleep')
const down = new Promise<void>((resolve) => {
  const stop = gateway.router.on('backend', (event) => {
    if (event.kind !== 'probe' || event.to.kind !== 'down') return
    say('the router has noticed: the GPU machine is down', event.to.reason)
    stop()
    resolve()
  })
})
await gpu.setFault('refuse')
await show('text search', search, 'a blue car', 'nas')
await down
await show('text search', search, 'a green car', 'nas')

say('ten images come, and wait')
gateway.router.on('hold', ({ kind, held }) => {
  if (kind === 'released') say('an image goes to the GPU machine', `${held} wait`)
})
let heartbeats = 0
const { promise: thirty, resolve: enough } = Promise.withResolvers<void>()
const images = Array.from({ length: 10 }, () => image())
await thirty
await show('text search', search, 'a yellow car', 'nas')

say('the GPU machine is switched on')
await gpu.setFault(undefined)
const answers = await Promise.all(images)
say('all ten are served', `JSON behind white space: ${JSON.stringify(answers[0]?.slice(0, 16))}…`)
for (const text of answers) check('clip' in JSON.parse(text), 'an image has no answer')
await show('text search', search, 'a white car', 'gpu')

console.log()
await gateway.close()
if (failed) process.exitCode = 1

/** An image that waits: its answer as text, with the white space before it. */
async function image(): Promise<string> {
  const response = await post(indexing, preview())
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true })
    if (text.trim() !== '') continue
    heartbeats++
    if (heartbeats % 10 === 0) say('heartbeats, so that Immich does not give up', `${heartbeats} so far`)
    if (heartbeats === 30) enough()
  }
  return text
}

async function show(job: string, entries: object, payload: string | Blob, expected: string): Promise<void> {
  const started = performance.now()
  const response = await post(entries, payload)
  await response.arrayBuffer()
  const backend = String(response.headers.get('x-immich-ml-backend'))
  say(job, `${response.status} by ${backend}, ${Math.round(performance.now() - started)} ms`)
  check(response.status === 200 && backend === expected, `${job} should have been answered by ${expected}`)
}

function post(entries: object, payload: string | Blob): Promise<Response> {
  const form = new FormData()
  form.append('entries', JSON.stringify(entries))
  form.append(typeof payload === 'string' ? 'text' : 'image', payload)
  return fetch(`${gateway.url}/predict`, { method: 'POST', body: form })
}

function preview(): Blob {
  return new Blob([randomBytes(500_000)])
}

function say(what: string, detail = ''): void {
  const time = `${((performance.now() - began) / 1000).toFixed(1)} s`
  console.log(`  ${time.padStart(6)}  ${what.padEnd(60)}${detail}`.trimEnd())
}

function check(holds: boolean, otherwise: string): void {
  if (holds) return
  failed = true
  console.error(`${otherwise}.`)
}
