import type { Classification } from '@immich-ml-router/core'
import { shorten } from '@immich-ml-router/core/parts'
import type { JobView, Kind } from './wire.ts'

/** Immich sends two at most. */
const MOST_ENTRIES = 6
/** Characters of a name: names are kept for hundreds of requests. */
const LONGEST = 120

/** Nothing of what a client has sent is kept but these names, shortened. */
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

/** Behind a text search, a person waits. */
export function kindOf(classification: Classification | undefined): Kind {
  const entries = classification?.entries ?? []
  const isSearch =
    entries.length > 0 && entries.every(({ task, type }) => task === 'clip' && type === 'textual')
  return isSearch ? 'search' : 'bulk'
}
