import { isRecord } from '../record.ts'
import type { Entry, UnclassifiedReason } from './classification.ts'
import type { Charset } from './content-type.ts'
import type { ResolvedLimits } from './limits.ts'

/** The jobs of an `entries` field, or why they cannot be read. */
export type ParsedEntries =
  | { readonly ok: true; readonly entries: readonly Entry[]; readonly tasks: readonly string[] }
  | { readonly ok: false; readonly reason: UnclassifiedReason }

/** Keeps a byte order mark as Python does; it makes the JSON invalid. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads `{task: {type: {modelName, options?}}}`.
 *
 * Reads only own members and copies nothing by name, so `__proto__` and `constructor` are ordinary names.
 */
export function parseEntries(text: string, limits: ResolvedLimits): ParsedEntries {
  const tooComplex = complexityProblem(text, limits)
  if (tooComplex !== undefined) return invalid(tooComplex)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return invalid('invalid-json')
  }
  if (!isRecord(json)) return invalid('invalid-entries')
  const entries: Entry[] = []
  const tasks = new Set<string>()
  for (const [task, types] of Object.entries(json)) {
    if (!isRecord(types)) return invalid('invalid-entries')
    for (const [type, job] of Object.entries(types)) {
      const entry = isRecord(job) ? readEntry(task, type, job) : undefined
      if (entry === undefined) return invalid('invalid-entries')
      if ([task, type, entry.model].some(({ length }) => length > limits.nameLength))
        return invalid('too-long-name')
      if (entries.push(entry) > limits.entries) return invalid('too-many-entries')
      tasks.add(task)
    }
  }
  return entries.length > 0 ? { ok: true, entries, tasks: [...tasks] } : invalid('invalid-entries')
}

/** Decodes a field as starlette's `_user_safe_decode` does: as Latin-1 if the bytes are invalid in the charset. */
export function decodeField(bytes: Buffer, charset: Charset): string {
  try {
    return charset === 'utf-8' ? utf8.decode(bytes) : bytes.toString('latin1')
  } catch {
    return bytes.toString('latin1')
  }
}

function invalid(reason: UnclassifiedReason): ParsedEntries {
  return { ok: false, reason }
}

/** Options that are not an object make the job fail in the ML server; routing ignores them. */
function readEntry(task: string, type: string, job: Record<string, unknown>): Entry | undefined {
  const model = own(job, 'modelName')
  const options = own(job, 'options')
  return typeof model === 'string'
    ? { task, type, model, options: isRecord(options) ? options : {} }
    : undefined
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/**
 * Counts levels and values before parsing: deep JSON takes long to parse, and small values take much more memory than their
 * text.
 */
function complexityProblem(
  text: string,
  { jsonDepth, jsonValues }: ResolvedLimits,
): UnclassifiedReason | undefined {
  let depth = 0
  let values = 1
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at)
        break
      case '{':
      case '[':
        depth++
        values++
        if (depth > jsonDepth) return 'too-deep-entries'
        break
      case '}':
      case ']':
        depth--
        break
      case ',':
        values++
    }
    if (values > jsonValues) return 'too-many-values'
  }
  return undefined
}

/** @param start Offset of the opening quote. @returns Offset of the closing quote, or the length of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}
