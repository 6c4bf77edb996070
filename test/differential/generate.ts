import { draft, encode } from './draft.ts'
import { MUTATIONS, TOKENS } from './mutations.ts'
import { Random } from './random.ts'

/** A request as its bytes on the wire. */
export interface GeneratedRequest {
  readonly contentType: string
  readonly contentEncoding: string | undefined
  readonly chunks: readonly Buffer[]
  /** The names of the changes that were made to it. */
  readonly mutations: readonly string[]
}

/** The request for a seed. The same seed gives the same request. */
export function generate(seed: number): GeneratedRequest {
  const random = new Random(seed)
  const request = draft(random)
  const mutations = Array.from({ length: random.below(4) }, () => random.pick(MUTATIONS))
  for (const { apply } of mutations) apply(request, random)
  const corruptions = random.below(3) === 0 ? 1 + random.below(3) : 0
  let bytes = encode(request)
  for (let i = 0; i < corruptions; i++) bytes = corrupt(bytes, random)
  return {
    // Node's HTTP parser removes the white space around a value.
    contentType: request.contentType.replace(/^[ \t]+|[ \t]+$/g, ''),
    contentEncoding: request.contentEncoding,
    chunks: cut(bytes, random),
    mutations: [
      ...mutations.map(({ name }) => name),
      ...(corruptions > 0 ? [`${corruptions} corruptions`] : []),
    ],
  }
}

function corrupt(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (random.below(5)) {
    case 0:
      return before
    case 1:
      return Buffer.concat([before, Buffer.from([random.below(256)]), after.subarray(1)])
    case 2:
      return Buffer.concat([before, Buffer.from(random.pick(TOKENS), 'latin1'), after])
    case 3:
      return Buffer.concat([before, after.subarray(random.below(80))])
    default:
      return Buffer.concat([before, after.subarray(0, random.below(80)), after])
  }
}

/** Cuts the bytes at up to seven random places; one in 20 small bodies is cut at every byte. */
function cut(bytes: Buffer, random: Random): Buffer[] {
  if (bytes.length < 1_000 && random.below(20) === 0)
    return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  const places = Array.from({ length: random.below(8) }, () => random.below(bytes.length + 1)).sort(
    (a, b) => a - b,
  )
  return [0, ...places].map((start, i) => bytes.subarray(start, places[i] ?? bytes.length))
}
