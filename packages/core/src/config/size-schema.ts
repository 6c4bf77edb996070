import { z } from 'zod'
import { parseSize, SIZE_PATTERN } from './size.ts'

const SIZE = 'must be bytes, a size such as "32mb", or "unlimited"'
export const size = z
  .union(
    [z.number().int(SIZE).positive(SIZE), z.string().regex(SIZE_PATTERN, SIZE), z.literal('unlimited')],
    SIZE,
  )
  .superRefine((written, context) => {
    if (typeof written === 'string' && parseSize(written) === 0)
      context.addIssue({ code: 'custom', message: 'must be above 0' })
  })
  .meta({ title: 'size or `unlimited`' })
