import type { EventView } from '../../src/wire.ts'
import { reasonInWords, type Tone, typesInWords } from '../words.ts'
import type { PlotMark } from './chart.ts'

const KINDS: Readonly<Record<EventView['kind'], { readonly tone: Tone; readonly says: string }>> = {
  started: { tone: 'off', says: 'Router started' },
  reloaded: { tone: 'off', says: 'Configuration reloaded' },
  down: { tone: 'stop', says: 'down' },
  up: { tone: 'go', says: 'up again' },
  woken: { tone: 'go', says: 'woken' },
  ejected: { tone: 'stop', says: 'ejected' },
  recovered: { tone: 'go', says: 'recovered' },
  drained: { tone: 'wait', says: 'drained' },
  enabled: { tone: 'go', says: 'enabled' },
}

/** An event in words: `gpu ejected for faces: 500`. */
export function markOf({ at, kind, backend, endpoint, task, reason }: EventView): PlotMark {
  const { tone, says } = KINDS[kind]
  const who = endpoint === undefined ? backend : `${backend} (${endpoint})`
  const what = task === undefined ? says : `${says} for ${typesInWords(task)}`
  const why = reason === undefined ? '' : `: ${reasonInWords(reason)}`
  return { at, tone, text: `${who === undefined ? what : `${who} ${what}`}${why}` }
}
