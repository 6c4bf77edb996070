import { BOUNDARY } from '@immich-ml-router/core/testing'
import fc from 'fast-check'
import { CLIP } from './classify.ts'

/** Pieces of a form, and other characters. */
export const anyPiece = fc.oneof(
  fc.constantFrom(
    '\r\n',
    '--',
    `--${BOUNDARY}`,
    `\r\n--${BOUNDARY}`,
    '\r\n\r\n',
    'Content-Disposition: form-data; name="entries"',
    'name=text',
    CLIP,
    '"',
    ';',
    '\0',
    ':',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
