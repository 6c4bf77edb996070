import type { Classification } from '@immich-ml-router/core'
import { type Entry, shorten } from '@immich-ml-router/core/parts'
import type { JobKind, JobView } from './wire.ts'

/** Entries of a job; Immich sends at most two. */
const MOST_ENTRIES = 6
/** Characters of a name. Names are stored for hundreds of requests. */
const LONGEST = 120

/** The shortened names of a job: the only part of the body that is stored. */
export function jobView(classification: Classification | undefined): JobView {
  if (classification === undefined) return { entries: [], unclassified: 'incomplete' }
  if (!classification.classified) return { entries: [], unclassified: classification.reason }
  const { entries } = classification
  const shown = entries.length > MOST_ENTRIES ? entries.slice(0, MOST_ENTRIES) : entries
  return {
    entries: shown.map(({ task, type, model }) => ({
      task: shorten(task, LONGEST),
      type: shorten(type, LONGEST),
      model: shorten(model, LONGEST),
    })),
    more: entries.length > MOST_ENTRIES ? entries.length - MOST_ENTRIES : undefined,
  }
}

/** The kind of a job whose entries are all of one kind. */
export function kindOf(classification: Classification | undefined): JobKind {
  const entries = classification?.entries ?? []
  const [kind, ...others] = new Set(entries.map(kindOfEntry))
  return kind === undefined || others.length > 0 ? 'other' : kind
}

function kindOfEntry({ task, type }: Entry): JobKind {
  if (task === 'clip') return CLIP_KINDS[type] ?? 'other'
  return TASK_KINDS[task] ?? 'other'
}

const CLIP_KINDS = kinds({ textual: 'search', visual: 'indexing' })
const TASK_KINDS = kinds({ 'facial-recognition': 'faces', ocr: 'ocr' })

/** Clients choose the names, so an inherited property must not be found. */
function kinds(table: Record<string, JobKind>): Readonly<Partial<Record<string, JobKind>>> {
  return Object.assign(Object.create(null), table)
}
