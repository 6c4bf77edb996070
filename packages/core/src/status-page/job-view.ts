import type { Classification } from '../classify/classification.ts'
import type { JobView, Kind } from './wire.ts'

/** Immich sends two at most. */
const MOST_ENTRIES = 6
/** The longest name of a model that Immich knows has 61 characters. */
const LONGEST_NAME = 120

/** Nothing of what a client has sent is kept but these names, and no long ones: they are kept for hundreds of requests. */
export function jobView(classification: Classification | undefined): JobView {
  if (classification === undefined) return { entries: [], unclassified: 'incomplete' }
  if (!classification.classified) return { entries: [], unclassified: classification.reason }
  const { entries } = classification
  const shown = entries.length > MOST_ENTRIES ? entries.slice(0, MOST_ENTRIES) : entries
  return {
    entries: shown.map(({ task, type, model }) => ({
      task: shortened(task),
      type: shortened(type),
      model: shortened(model),
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

/** A short text as it is, and of a long one its beginning, as a copy, since a slice would keep the whole in memory. */
export function shortened(text: string, length = LONGEST_NAME): string {
  return text.length <= length ? text : `${Buffer.from(text.slice(0, length)).toString()}…`
}
