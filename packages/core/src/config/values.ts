import * as z from 'zod'
import { DURATION_PATTERN, parseDuration } from './duration.ts'
import { HEADER_NAME } from './header-names.ts'
import { parseSize, SIZE_PATTERN } from './size.ts'

const UNLIMITED = 'must be milliseconds above 0, a duration such as "30s", or "unlimited"'
/** Becomes milliseconds; `Infinity` for no limit. */
export const duration = z
  .union(
    [z.number().positive(UNLIMITED), z.string().regex(DURATION_PATTERN, UNLIMITED), z.literal('unlimited')],
    UNLIMITED,
  )
  .transform(milliseconds)
  .meta({ title: 'duration or `unlimited`' })

const LIMITED = 'must be milliseconds above 0, or a duration such as "30s"'
/** A duration that cannot be unlimited. */
export const limitedDuration = z
  .union([z.number().positive(LIMITED), z.string().regex(DURATION_PATTERN, LIMITED)], LIMITED)
  .transform(milliseconds)
  .meta({ title: 'duration' })

/** For text that a pattern has accepted. */
export function milliseconds(written: number | string): number {
  return parseDuration(written) ?? Number.POSITIVE_INFINITY
}

const SIZE = 'must be bytes, a size such as "32mb", or "unlimited"'
/** Becomes bytes; `Infinity` for no limit. */
export const size = z
  .union(
    [z.number().int(SIZE).positive(SIZE), z.string().regex(SIZE_PATTERN, SIZE), z.literal('unlimited')],
    SIZE,
  )
  .superRefine((written, context) => {
    if (typeof written === 'string' && parseSize(written) === 0)
      context.addIssue({ code: 'custom', message: 'must be above 0' })
  })
  .transform((written) => parseSize(written) ?? Number.POSITIVE_INFINITY)
  .meta({ title: 'size or `unlimited`' })

export const count = (least: number) => {
  const what = `must be a whole number of ${least} or more`
  return z.number(what).int(what).min(least, what)
}

export const flag = z.boolean('must be true or false')

export const headerName = (what: string) => z.string(what).regex(HEADER_NAME, what)

const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
/** The last label of an IPv4 address is a number. */
const DNS_NAME = new RegExp(`^(?!(?:.*\\.)?\\d+\\.?$)${LABEL}(?:\\.${LABEL})*\\.?$`)
export const dnsName = (what: string) => z.string(what).max(254, what).regex(DNS_NAME, what)

export function oneOrMany<T extends z.ZodType>(one: T, what: string, many = what) {
  return z.union([one, z.array(one, many).min(1, 'must not be empty')], what)
}
