import { createHash } from 'node:crypto'

/** The form that Immich sends: fields without a charset of their own. */
const CONTENT_TYPE = /^multipart\/form-data; ?boundary=([0-9A-Za-z'()+_.-]+)$/i
const FIELD = /^\r\nContent-Disposition: form-data; name="(entries|text)"\r\n\r\n/i
const END = /^--(?:\r\n)?$/

/**
 * The key of a search: a hash of the bytes of `entries` and `text`.
 *
 * @returns `undefined` for a form other than Immich's, with one `entries` and one `text`: the ML server might read it in another way.
 */
export function searchKey(contentType: string, body: Buffer): Buffer | undefined {
  const boundary = CONTENT_TYPE.exec(contentType)?.[1]
  if (boundary === undefined) return undefined
  // Latin-1 has one character for each byte.
  const [opening, one, other, end, ...more] = `\r\n${body.toString('latin1')}`.split(`\r\n--${boundary}`)
  if (opening !== '' || one === undefined || other === undefined || end === undefined) return undefined
  if (more.length > 0 || !END.test(end)) return undefined
  const fields = new Map([...fieldsOf(one), ...fieldsOf(other)])
  const [entries, text] = [fields.get('entries'), fields.get('text')]
  if (entries === undefined || text === undefined) return undefined
  return createHash('sha256').update(`${entries.length}:${entries}${text}`, 'latin1').digest()
}

function fieldsOf(part: string): [name: string, content: string][] {
  const [header, name] = FIELD.exec(part) ?? []
  return header === undefined || name === undefined ? [] : [[name, part.slice(header.length)]]
}
