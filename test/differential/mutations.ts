import { type Draft, type DraftPart, field, file, IMAGE, OCR } from './draft.ts'
import type { Random } from './random.ts'
import { BOUNDARIES, CONTENT_TYPES, ENTRIES, FORMS, HEADERS } from './templates.ts'

/** A named change of a request. */
export interface Mutation {
  readonly name: string
  readonly apply: (draft: Draft, random: Random) => void
}

/** Changes of the order and number of parts. */
const ARRANGEMENTS: Readonly<Record<string, (parts: readonly DraftPart[]) => DraftPart[]>> = {
  'other entries first': (parts) => [field('entries', OCR), ...parts],
  'other entries behind the first part': ([first, ...rest]) => [
    ...(first ? [first] : []),
    field('entries', OCR),
    ...rest,
  ],
  'other entries last': (parts) => [...parts, field('entries', OCR)],
  'an entries file first': (parts) => [file('entries', OCR), ...parts],
  'an entries file last': (parts) => [...parts, file('entries', OCR)],
  'empty entries first': (parts) => [field('entries', ''), ...parts],
  'empty entries last': (parts) => [...parts, field('entries', '')],
  'entries in another case': (parts) => [...parts, field('Entries', OCR)],
  'an image file first': (parts) => [file('image', IMAGE), ...parts],
  'an image file last': (parts) => [...parts, file('image', IMAGE)],
  'an empty image file last': (parts) => [...parts, file('image', '')],
  'an image field first': (parts) => [field('image', 'x'), ...parts],
  'an image field last': (parts) => [...parts, field('image', 'x')],
  'an empty image field first': (parts) => [field('image', ''), ...parts],
  'an empty image field last': (parts) => [...parts, field('image', '')],
  'a text first': (parts) => [field('text', 'x'), ...parts],
  'a text last': (parts) => [...parts, field('text', 'x')],
  'an empty text first': (parts) => [field('text', ''), ...parts],
  'an empty text last': (parts) => [...parts, field('text', '')],
  'a text file last': (parts) => [...parts, file('text', 'x')],
  'another field first': (parts) => [field('assetId', 'x'), ...parts],
  'another file first': (parts) => [file('video', IMAGE), ...parts],
  'another field last': (parts) => [...parts, field('assetId', 'x')],
  reversed: (parts) => [...parts].reverse(),
  twice: (parts) => [...parts, ...parts],
  'no part': () => [],
  'the first part alone': (parts) => parts.slice(0, 1),
  'the last part alone': (parts) => parts.slice(-1),
  '150 fields first': (parts) => [...Array.from({ length: 150 }, () => field('x', 'y')), ...parts],
  '998 fields first': (parts) => [...Array.from({ length: 998 }, () => field('x', 'y')), ...parts],
  '1001 fields first': (parts) => [...Array.from({ length: 1001 }, () => field('x', 'y')), ...parts],
  '1001 files first': (parts) => [...Array.from({ length: 1001 }, () => file('x', 'y')), ...parts],
  '600 files and 600 fields first': (parts) => [
    ...Array.from({ length: 600 }, () => [file('x', ''), field('x', '')]).flat(),
    ...parts,
  ],
}

const BEFORE = [
  '\r\n',
  '\n',
  '\r',
  '\n\r\n\n',
  '\r\n'.repeat(50),
  ' ',
  'preamble\r\n',
  '\r\npreamble\r\n',
  '\r\nx-y',
  '-',
  '--',
]
const LINE_ENDS = ['\n', ' \r\n', '\t\r\n', '-\r\n', '\r', '\r\r\n', 'x\r\n', '']
const ENDINGS = [
  '',
  '--',
  '-',
  '\r\n',
  '--x',
  '--\r\nepilogue',
  '-\r\n',
  ' --',
  '\r',
  '\r\n\r\n',
  '--\r\n--b\r\nmore',
]
const CONTENTS = [
  '',
  '\r\n',
  '\r',
  '\r\n--',
  '\r\n--BOUNDARY',
  '\r\n--BOUNDARYx',
  '\r\n--BOUNDARY-',
  '\r\n--BOUNDARY-x',
  '\r\n--BOUNDARY\r',
  '\r\n--BOUNDARY\rx',
  '\n--BOUNDARY\r\n',
  '--BOUNDARY\r\n',
  '\r\n\r\n--BOUNDARY',
  'x\r\n--BOUNDARY \r\n',
  'y'.repeat(1_048_577),
]
const ENCODINGS = [
  'identity',
  'Identity',
  'IDENTITY',
  '',
  ' identity ',
  'identity, identity',
  ',',
  'gzip',
  'br',
  'identity, gzip',
  'deflate',
  'x',
]

/** Bytes that a corruption inserts at a random place. */
export const TOKENS = [
  '\r\n',
  '\n',
  '\r',
  '--',
  '\r\n--',
  '\r\n\r\n',
  '"',
  ';',
  ':',
  '=',
  '\0',
  '\xff',
  ' ',
  '\t',
  '\\',
  '*',
  '{"ocr":',
  '}',
  'name="entries"',
  '\r\nContent-Disposition: form-data; name="text"\r\n\r\n',
  '&entries=',
  '%7B',
  '+',
]

export const MUTATIONS: readonly Mutation[] = [
  ...['entries', 'text', 'image'].flatMap((name) =>
    HEADERS.map((header, i) => mutation(`header ${i} of ${name}`, (draft) => setHeader(draft, name, header))),
  ),
  ...CONTENT_TYPES.map((type) =>
    mutation(`content type ${type}`, (draft) => {
      draft.contentType = type
        .replace('=BOUNDARY', `=${draft.boundary}`)
        .replace('"BOUNDARY', `"${draft.boundary}`)
        .replace("'BOUNDARY", `'${draft.boundary}`)
    }),
  ),
  ...BOUNDARIES.flatMap((boundary) => [
    mutation(`boundary ${boundary}`, (draft) => setBoundary(draft, boundary, boundary)),
    mutation(`quoted boundary ${boundary}`, (draft) =>
      setBoundary(draft, boundary, `"${boundary.replaceAll('"', '\\"')}"`),
    ),
  ]),
  ...ENTRIES.map((json, i) => mutation(`entries ${i}`, (draft) => setEntries(draft, json))),
  ...FORMS.map((form, i) =>
    mutation(`form ${i}`, (draft) => {
      draft.form = form
      draft.contentType = 'application/x-www-form-urlencoded'
    }),
  ),
  ...Object.entries(ARRANGEMENTS).map(([name, arrange]) =>
    mutation(name, (draft) => {
      draft.parts = arrange(draft.parts)
    }),
  ),
  ...BEFORE.map((before, i) => mutation(`before ${i}`, (draft) => Object.assign(draft, { before }))),
  ...LINE_ENDS.map((lineEnd, i) => mutation(`line end ${i}`, (draft) => Object.assign(draft, { lineEnd }))),
  ...ENDINGS.map((ending, i) => mutation(`ending ${i}`, (draft) => Object.assign(draft, { ending }))),
  ...ENCODINGS.map((contentEncoding) =>
    mutation(`content encoding ${contentEncoding}`, (draft) => Object.assign(draft, { contentEncoding })),
  ),
  ...CONTENTS.map((content, i) =>
    mutation(`content ${i}`, (draft, random) => {
      const at = random.below(draft.parts.length)
      const filled = content.replaceAll('BOUNDARY', draft.boundary)
      draft.parts = draft.parts.map((part, index) => (index === at ? { ...part, content: filled } : part))
    }),
  ),
]

function mutation(name: string, apply: Mutation['apply']): Mutation {
  return { name, apply }
}

function setHeader(draft: Draft, name: string, template: string): void {
  const header = template.replaceAll('NAME', name)
  draft.parts = draft.parts.map((part) =>
    part.header.includes(`name="${name}"`) ? { ...part, header } : part,
  )
}

function setBoundary(draft: Draft, boundary: string, parameter: string): void {
  draft.boundary = boundary
  draft.contentType = `multipart/form-data; boundary=${parameter}`
}

function setEntries(draft: Draft, content: string): void {
  if (draft.form !== undefined) draft.form = `text=x&entries=${content}`
  draft.parts = draft.parts.map((part) =>
    part.header.includes('name="entries"') ? { ...part, content } : part,
  )
}
