import { randomBytes } from 'node:crypto'
import { parseConfig } from '@immich-ml-router/core'
import { makeApp } from '@immich-ml-router/example-express-gateway'
import { startGateway } from '@immich-ml-router/example-gateway-kit'
import { StubMl } from '@immich-ml-router/example-stub-ml'
import { pino } from 'pino'

// A NAS that is slow at images and a GPU machine that is fast, as stand-ins with real sockets.
const nas = await StubMl.start({ serviceTime: { clip: 30, 'facial-recognition': 800, ocr: 2_000 } })
const gpu = await StubMl.start({ serviceTime: { clip: 10, 'facial-recognition': 40, ocr: 120 } })
const options = parseConfig({
  backends: { nas: { url: nas.url }, gpu: { url: gpu.url } },
  routes: [
    { name: 'text search', match: { task: 'clip', type: 'textual' }, backends: ['nas'] },
    { backends: ['gpu'] },
  ],
})
const gateway = await startGateway(
  makeApp,
  { options, port: 0, source: 'the demo', stubs: [nas, gpu] },
  pino({ level: 'silent' }),
)

/** What Immich sends: the job in words, its entries, the payload, and the backend that must get it. */
const detection = { detection: { modelName: 'm' }, recognition: { modelName: 'm' } }
const preview = () => new Blob([randomBytes(500_000)])
const jobs = [
  {
    job: 'text search',
    entries: { clip: { textual: { modelName: 'ViT-B-32__openai' } } },
    text: 'a red car',
    backend: 'nas',
  },
  {
    job: 'smart search',
    entries: { clip: { visual: { modelName: 'ViT-B-32__openai' } } },
    image: preview(),
    backend: 'gpu',
  },
  { job: 'faces', entries: { 'facial-recognition': detection }, image: preview(), backend: 'gpu' },
  { job: 'OCR', entries: { ocr: detection }, image: preview(), backend: 'gpu' },
]

console.log(
  `\nA gateway on ${gateway.url} routes text search to the NAS and everything else to the GPU machine:\n`,
)
row('job', 'backend', 'status', 'time', 'sent', 'received')
for (const { job, entries, text, image, backend } of jobs) {
  const form = new FormData()
  form.append('entries', JSON.stringify(entries))
  if (image === undefined) form.append('text', text)
  else form.append('image', image)
  const started = performance.now()
  const response = await fetch(`${gateway.url}/predict`, { method: 'POST', body: form })
  const received = (await response.arrayBuffer()).byteLength
  const time = `${Math.round(performance.now() - started)} ms`
  const answeredBy = response.headers.get('x-immich-ml-backend')
  const sent = (answeredBy === 'nas' ? nas : gpu).received.at(-1)?.size
  row(job, String(answeredBy), String(response.status), time, `${sent} B`, `${received} B`)
  if (response.status !== 200 || answeredBy !== backend) {
    console.error(`${job} should have been answered by ${backend}.`)
    process.exitCode = 1
  }
}
console.log()
await gateway.close()

function row(...cells: string[]): void {
  console.log(`  ${cells.map((cell) => cell.padEnd(14)).join('')}`.trimEnd())
}
