import { describe, expect, it } from 'vitest'
import { BUILT_IN_TEXT } from '../canary/built-in.ts'
import { classifyPredictRequest } from '../classify/classify-predict-request.ts'
import {
  BOUNDARY,
  CONTENT_TYPE,
  ENTRIES,
  type ImmichEntries,
  type ImmichJob,
  imageBytes,
  immichBody,
  immichForm,
} from './immich-requests.ts'

const JOBS = Object.keys(ENTRIES) as ImmichJob[]

/** The bytes that fetch sends, with the boundary of `immichBody`. */
async function bytesOf(form: FormData): Promise<string> {
  const encoded = new Response(form)
  const [, boundary = ''] = /boundary=(.*)/.exec(encoded.headers.get('content-type') ?? '') ?? []
  return Buffer.from(await encoded.arrayBuffer())
    .toString('latin1')
    .replaceAll(boundary, BOUNDARY)
}

async function classify(job: ImmichJob | ImmichEntries) {
  return (await classifyPredictRequest(immichBody(job), { contentType: CONTENT_TYPE })).classification
}

describe("the requests of Immich's jobs", () => {
  it.each(JOBS)('%s has the same bytes as a form', async (job) => {
    expect(immichBody(job).toString('latin1')).toBe(await bytesOf(immichForm(job)))
    const payload = job === 'textSearch' ? 'größe 🚗' : imageBytes(1_000)
    expect(immichBody(job, payload).toString('latin1')).toBe(await bytesOf(immichForm(job, payload)))
  })

  it('have the input that the job needs', async () => {
    expect(immichForm('textSearch').get('text')).toBe(BUILT_IN_TEXT)
    expect(await Promise.all(JOBS.map(async (job) => (await classify(job)).input))).toEqual([
      'text',
      'image',
      'image',
      'image',
    ])
  })

  it('can have entries of their own', async () => {
    const search = { clip: { textual: { modelName: 'nllb' } } }
    expect(await classify(search)).toMatchObject({ entries: [{ model: 'nllb' }], input: 'text' })
    const both = { ...ENTRIES.indexing, ...ENTRIES.ocr }
    expect(await classify(both)).toMatchObject({ tasks: ['clip', 'ocr'], input: 'image' })
  })

  it('can send a Blob', async () => {
    const image = immichForm('faces', new Blob(['pixels'])).get('image')
    expect(image instanceof Blob && (await image.text())).toBe('pixels')
  })
})
