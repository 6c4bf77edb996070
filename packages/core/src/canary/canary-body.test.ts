import { describe, expect, it } from 'vitest'
import { immichForm } from '../testing/immich-requests.ts'
import { BUILT_IN_IMAGE, BUILT_IN_TEXT } from './built-in.ts'
import { canaryBody } from './canary-body.ts'
import type { CanaryJob } from './canary-job.ts'
import type { Sample } from './samples.ts'

const ENTRIES = [
  { task: 'facial-recognition', type: 'detection', model: 'buffalo_l', options: { minScore: 0.7 } },
  { task: 'facial-recognition', type: 'recognition', model: 'buffalo_l', options: {} },
]
const JOB: CanaryJob = { key: 'faces', exact: 'faces', entries: ENTRIES, input: 'image', headers: {} }
const WIRE = {
  'facial-recognition': {
    detection: { modelName: 'buffalo_l', options: { minScore: 0.7 } },
    recognition: { modelName: 'buffalo_l', options: {} },
  },
}

async function encode(form: FormData): Promise<Sample> {
  const response = new Response(form)
  const contentType = response.headers.get('content-type') ?? ''
  return { body: Buffer.from(await response.arrayBuffer()), contentType }
}

async function read({ body, contentType }: Sample) {
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': contentType },
  }).formData()
  const image = form.get('image')
  return {
    names: [...form.keys()],
    entries: JSON.parse(String(form.get('entries'))),
    text: form.get('text'),
    image: image instanceof File ? Buffer.from(await image.arrayBuffer()) : undefined,
  }
}

describe('the body of a canary', () => {
  it('asks about the image of a sample with the entries of the job', async () => {
    const form = immichForm('faces', Buffer.from('a photo'))
    form.set('assetId', '42')
    const { names, entries, image } = await read(await canaryBody(JOB, await encode(form)))
    expect(names).toEqual(['entries', 'image', 'assetId'])
    expect([entries, image?.toString()]).toEqual([WIRE, 'a photo'])
  })

  it('asks about an image or a word of the router without a sample, or one that Node cannot read', async () => {
    const unreadable = { body: Buffer.from('?'), contentType: 'multipart/form-data; boundary=x' }
    for (const sample of [undefined, unreadable]) {
      const { entries, image } = await read(await canaryBody(JOB, sample))
      expect([entries, image]).toEqual([WIRE, BUILT_IN_IMAGE])
      const text = await read(await canaryBody({ ...JOB, input: 'text' }, sample))
      expect([text.text, text.image]).toEqual([BUILT_IN_TEXT, undefined])
    }
  })

  it('has entries of any name', async () => {
    const [entry] = ENTRIES
    const odd = [{ ...entry, task: '__proto__', type: 'constructor', model: '"', options: {} }]
    const { entries } = await read(await canaryBody({ ...JOB, entries: odd }, undefined))
    expect(JSON.stringify(entries)).toBe('{"__proto__":{"constructor":{"modelName":"\\"","options":{}}}}')
  })
})

it('the image of the router is a JPEG', () => {
  expect([
    BUILT_IN_IMAGE.subarray(0, 3).toString('hex'),
    BUILT_IN_IMAGE.subarray(-2).toString('hex'),
  ]).toEqual(['ffd8ff', 'ffd9'])
})
