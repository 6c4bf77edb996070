/** Characters of a name that a client, a middleware or a configuration has given: the longest model that Immich knows has 61. */
export const LONGEST_NAME = 256
/** Characters of a sentence, such as the message of an error, in which such names may stand. */
export const LONGEST_TEXT = 2_048

/** A short text as it is; of a long one its beginning and an ellipsis, no longer than `most` UTF-16 units. */
export function shorten(text: string, most = LONGEST_NAME): string {
  if (text.length <= most) return text
  const last = text.charCodeAt(most - 2)
  // Half of a surrogate pair is no character.
  const end = last >= 0xd800 && last <= 0xdbff ? most - 2 : most - 1
  // A copy, since V8 keeps the whole text for a slice of it.
  return Buffer.from(`${text.slice(0, end)}…`, 'utf16le').toString('utf16le')
}

/** Names in one text that is no longer than `most`. It reads no more of them than fit. */
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
