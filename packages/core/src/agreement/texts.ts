import leven from 'leven'
import { isRecord } from '../record.ts'
import { shorten } from '../shorten.ts'

/** Share of the characters that may differ: two runs of OCR on other hardware may read one letter or one speck in another way. */
const TOLERANCE = 0.2
/** Characters that are compared. */
const MOST = 1_000

/** How two results of OCR on the same image differ; `undefined` if they agree. White space and case do not count. */
export function textDifference(first: unknown, second: unknown): string | undefined {
  const [text, other] = [readText(first), readText(second)]
  if (text === undefined || other === undefined)
    return text === other ? undefined : `${quoted(text)} and ${quoted(other)}`
  const [one, two] = [comparable(text), comparable(other)]
  const most = TOLERANCE * Math.max(one.length, two.length)
  return leven(one, two) <= most ? undefined : `${quoted(text)} and ${quoted(other)}`
}

function readText(value: unknown): string | undefined {
  if (!isRecord(value)) return undefined
  const { text } = value
  return Array.isArray(text) && text.every((line) => typeof line === 'string') ? text.join(' ') : undefined
}

function comparable(text: string): string {
  return text.replace(/\s+/g, '').toLowerCase().slice(0, MOST)
}

function quoted(text: string | undefined): string {
  return text === undefined ? 'no list of texts' : `"${shorten(text, 40)}"`
}
