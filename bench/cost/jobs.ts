import { CONTENT_TYPE, ENTRIES, immichBody, multipart } from '../../test/support/predict-body.ts'
import { seeded } from '../lib/random.ts'

export { CONTENT_TYPE }

/** The two backends: one for text, one for images. */
export type BackendName = 'text' | 'image'

/** A kind of request. */
export interface CostJob {
  readonly name: string
  readonly title: string
  /** Where it must arrive. */
  readonly backend: BackendName
}

export type JobName = 'text' | '200k' | '500k' | '2m' | '500k-last' | '31m'

const KB = 1000
/** Bytes of the whole body of a text search. */
const TEXT_SIZE = 300
/** What one upload is of those that run at once. */
const UPLOAD_SIZE = 31_000 * KB

/** What is measured in rounds. */
export const JOBS: readonly (CostJob & { readonly name: JobName })[] = [
  { name: 'text', title: 'text search, 300 bytes', backend: 'text' },
  { name: '200k', title: 'image, 200 KB', backend: 'image' },
  { name: '500k', title: 'image, 500 KB', backend: 'image' },
  { name: '2m', title: 'image, 2 MB', backend: 'image' },
  { name: '500k-last', title: 'image, 500 KB, entries last', backend: 'image' },
]

const MAKE: Readonly<Record<JobName, () => Buffer>> = {
  text: () => {
    const without = immichBody('textSearch', '').length
    return immichBody('textSearch', 'a red car on the beach '.repeat(10).slice(0, TEXT_SIZE - without))
  },
  '200k': () => immichBody('indexing', image(200 * KB)),
  '500k': () => immichBody('indexing', image(500 * KB)),
  '2m': () => immichBody('indexing', image(2000 * KB)),
  '500k-last': () =>
    multipart([
      {
        header:
          'Content-Disposition: form-data; name="image"; filename="blob"\r\nContent-Type: application/octet-stream',
        content: image(500 * KB),
      },
      { header: 'entries', content: JSON.stringify(ENTRIES.indexing) },
    ]),
  '31m': () => immichBody('indexing', image(UPLOAD_SIZE)),
}

/** The answer of a backend, good for each of these jobs: who it is, and how many bytes of a body have come. */
export function answerOf(backend: BackendName, bytes: number): string {
  return `{"clip":"[0.1,0.2]","backend":"${backend}","bytes":${bytes}}`
}

const bodies = new Map<JobName, Buffer>()

/** The body of a job, made once. */
export function bodyOf(job: JobName): Buffer {
  const body = bodies.get(job) ?? MAKE[job]()
  bodies.set(job, body)
  return body
}

/** As random as a compressed image, and the same every time. Nothing in it misleads anyone who searches it. */
export function image(size: number): Buffer {
  const random = seeded('image')
  const bytes = Buffer.alloc(size)
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), i)
  return bytes
}
