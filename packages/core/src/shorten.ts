/** Longest name in messages, in UTF-16 units. Immich's longest model name has 61. */
export const LONGEST_NAME = 256
/** Longest sentence, such as an error message with names, in UTF-16 units. */
export const LONGEST_TEXT = 2_048

/** Cuts a text to `most` UTF-16 units, with an ellipsis at the cut. */
export function shorten(text: string, most = LONGEST_NAME): string {
  if (text.length <= most) return text
  const last = text.charCodeAt(most - 2)
  // Do not split a surrogate pair.
  const end = last >= 0xd800 && last <= 0xdbff ? most - 2 : most - 1
  // A copy, because V8 retains the whole text for a slice.
  return Buffer.from(`${text.slice(0, end)}…`, 'utf16le').toString('utf16le')
}

/** Joins names to a text of at most `most` UTF-16 units. Reads only as many names as fit. */
export function shortenList(names: Iterable<string>, separator: string, most = LONGEST_NAME): string {
  const parts: string[] = []
  let length = 0
  for (const name of names) {
    const part = shorten(name, most)
    parts.push(part)
    length += part.length + separator.length
    if (length > most + separator.length) break
  }
  return shorten(parts.join(separator), most)
}
