import { CONTENT_TYPE, ENTRIES, immichBody, multipart } from '@immich-ml-router/core/testing'
import { seeded } from '../../test/support/random.ts'

export { CONTENT_TYPE }

/** The two backends: one for text, one for images. */
export type BackendName = 'text' | 'image'

/** What is measured in rounds: requests, and the backend where they must arrive. */
export const JOBS = [
  { name: 'text', title: 'text search, 300 bytes', backend: 'text' },
  { name: '200k', title: 'image, 200 KB', backend: 'image' },
  { name: '500k', title: 'image, 500 KB', backend: 'image' },
  { name: '2m', title: 'image, 2 MB', backend: 'image' },
  { name: '500k-last', title: 'image, 500 KB, entries last', backend: 'image' },
] as const

export type CostJob = (typeof JOBS)[number]
export type JobName = CostJob['name'] | '31m'

const TEXT = 'a red car on the beach '.repeat(10)
const IMAGE_HEADER =
  'Content-Disposition: form-data; name="image"; filename="blob"\r\nContent-Type: application/octet-stream'

const MAKE: Readonly<Record<JobName, () => Buffer>> = {
  text: () => immichBody('textSearch', TEXT.slice(0, 300 - immichBody('textSearch', '').length)),
  '200k': () => immichBody('indexing', image(200_000)),
  '500k': () => immichBody('indexing', image(500_000)),
  '2m': () => immichBody('indexing', image(2_000_000)),
  '500k-last': () =>
    multipart([
      { header: IMAGE_HEADER, content: image(500_000) },
      { header: 'entries', content: JSON.stringify(ENTRIES.indexing) },
    ]),
  '31m': () => immichBody('indexing', image(31_000_000)),
}

/** The answer of a backend, good for each of these jobs: which it is, and how many bytes of a body have come. */
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

/** As random as a compressed image, and the same every time: nothing in it looks like a part. */
function image(size: number): Buffer {
  const random = seeded('image')
  return Buffer.from(Uint32Array.from({ length: size / 4 }, () => Math.floor(random() * 2 ** 32)).buffer)
}
