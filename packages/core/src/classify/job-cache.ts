import type { Classified, PredictInput } from './classification.ts'
import type { ParsedEntries } from './entries.ts'
import type { ResolvedLimits } from './limits.ts'
import { type PartHeader, type PartHeaderProblem, parsePartHeader } from './part-header.ts'

type ReadEntries = Extract<ParsedEntries, { ok: true }>
type Classifications = Readonly<Record<PredictInput, Classified>>

/** Entries of each map. */
const CAPACITY = 256
const LONGEST_ENTRIES = 512
const LONGEST_HEADER = 256
/** Bytes of a chunk to look at: they contain Immich's `entries` and the header of the next part. */
const HEAD = 768
const LINE_END = '\r\n'
const HEADER_END = '\r\n\r\n'

/**
 * Caches parsed `entries` and part headers by their bytes: clients repeat the same few jobs.
 *
 * A part is all bytes from the end of one boundary to the next delimiter, in UTF-8.
 */
export class JobCache {
  readonly #limits: ResolvedLimits
  readonly #entries = new Map<string, Classifications>()
  readonly #headers = new Map<string, PartHeader>()

  constructor(limits: ResolvedLimits) {
    this.#limits = limits
  }

  addEntries(part: Buffer, parsed: ReadEntries): void {
    if (part.length > LONGEST_ENTRIES) return
    if (this.#entries.size >= CAPACITY) this.#entries.clear()
    // Requests share these objects.
    freeze(parsed.entries)
    freeze(parsed.tasks)
    const classification = (input: PredictInput): Classified =>
      Object.freeze({ classified: true, entries: parsed.entries, tasks: parsed.tasks, input })
    this.#entries.set(part.toString('latin1'), {
      text: classification('text'),
      image: classification('image'),
    })
  }

  findEntries(part: Buffer): ReadEntries | undefined {
    const known = part.length > LONGEST_ENTRIES ? undefined : this.#entries.get(part.toString('latin1'))
    return known && { ok: true, entries: known.text.entries, tasks: known.text.tasks }
  }

  /** @param lines The header's lines, one character per byte, without the empty line at the end. */
  partHeader(lines: string): PartHeader | PartHeaderProblem {
    const known = this.#headers.get(lines)
    if (known !== undefined) return known
    const parsed = parsePartHeader(lines, this.#limits)
    if (typeof parsed === 'object' && lines.length <= LONGEST_HEADER) {
      if (this.#headers.size >= CAPACITY) this.#headers.clear()
      this.#headers.set(lines, parsed)
    }
    return parsed
  }

  /**
   * Classifies a body of a known `entries` part followed by the payload, as Immich sends it. The result is that of
   * `MultipartReader`, in a tenth of the time.
   *
   * @returns `undefined` for any other body.
   */
  classifyFirstChunk(chunk: Buffer, boundary: string): Classified | undefined {
    const head = chunk.toString('latin1', 0, HEAD)
    const opening = `--${boundary}`
    const delimiter = LINE_END + opening
    if (!head.startsWith(opening)) return undefined
    const end = head.indexOf(delimiter, opening.length)
    if (end === -1) return undefined
    const known = this.#entries.get(head.slice(opening.length, end))
    const next = end + delimiter.length
    if (known === undefined || !head.startsWith(LINE_END, next)) return undefined
    const headerEnd = head.indexOf(HEADER_END, next)
    if (headerEnd === -1) return undefined
    const header = this.#headers.get(head.slice(next + LINE_END.length, headerEnd))
    if (header?.name === 'image' && header.isFile) return known.image
    if (header?.name !== 'text' || header.isFile) return undefined
    // The text must be the last part: a later image would take precedence.
    const textStart = headerEnd + HEADER_END.length
    const textEnd = chunk.indexOf(`${delimiter}--`, textStart, 'latin1')
    const isLast = textEnd > textStart && chunk.indexOf(delimiter, textStart, 'latin1') === textEnd
    return isLast ? known.text : undefined
  }
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const member of Object.values(value)) freeze(member)
  Object.freeze(value)
}
