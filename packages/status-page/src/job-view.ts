import type { Classification } from '@immich-ml-router/core'
import { shorten } from '@immich-ml-router/core/parts'
import type { JobView, Kind } from './wire.ts'

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

/** A job of text searches only is a `search`: a user waits for its result. */
export function kindOf(classification: Classification | undefined): Kind {
  const entries = classification?.entries ?? []
  const isSearch =
    entries.length > 0 && entries.every(({ task, type }) => task === 'clip' && type === 'textual')
  return isSearch ? 'search' : 'bulk'
}
