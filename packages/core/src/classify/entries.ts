import { isRecord } from '../record.ts'
import type { Entry, UnclassifiedReason } from './classification.ts'

/** The jobs of an `entries` field, or the reason why they cannot be read. */
export type ParsedEntries =
  | { readonly ok: true; readonly entries: readonly Entry[]; readonly tasks: readonly string[] }
  | { readonly ok: false; readonly reason: Extract<UnclassifiedReason, 'invalid-json' | 'invalid-entries'> }

const utf8 = new TextDecoder('utf-8', { fatal: true })
const invalid: ParsedEntries = { ok: false, reason: 'invalid-entries' }

/**
 * Reads `{task: {type: {modelName, options?}}}`.
 *
 * Only own members are looked at and nothing is copied by name, so that `__proto__` and `constructor`
 * are names like any other.
 */
export function parseEntries(bytes: Uint8Array): ParsedEntries {
  return parseEntriesText(decode(bytes))
}

/** As {@link parseEntries}, of text that is already decoded. */
export function parseEntriesText(text: string): ParsedEntries {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { ok: false, reason: 'invalid-json' }
  }
  if (!isRecord(json)) return invalid
  const entries: Entry[] = []
  const tasks = new Set<string>()
  for (const [task, types] of Object.entries(json)) {
    if (!isRecord(types)) return invalid
    for (const [type, job] of Object.entries(types)) {
      const entry = isRecord(job) ? readEntry(task, type, job) : undefined
      if (entry === undefined) return invalid
      entries.push(entry)
      tasks.add(task)
    }
  }
  return entries.length > 0 ? { ok: true, entries, tasks: [...tasks] } : invalid
}

function readEntry(task: string, type: string, job: Record<string, unknown>): Entry | undefined {
  const model = own(job, 'modelName')
  const options = own(job, 'options') ?? {}
  return typeof model === 'string' && isRecord(options) ? { task, type, model, options } : undefined
}

/** The ML server, too, falls back to Latin-1 where a field is not UTF-8 (starlette, `_user_safe_decode`). */
function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  }
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
