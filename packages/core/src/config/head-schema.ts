import * as z from 'zod'
import { headerName, oneOrMany } from './values.ts'

/** Printable ASCII without spaces at its ends: Node reads other bytes as Latin-1, and HTTP removes such spaces. */
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
const VALUES = 'must be the exact value of the header in printable ASCII, or a list of values; quote numbers'
const NAME = 'must be a header name'

const headerValue = z
  .string(VALUES)
  .regex(VALUE, VALUES)
  .refine((value) => value !== '*', 'must be an exact value: * stands for nothing else here')

/** Headers by name, each with the values that match. */
export const headerMatch = z
  .record(headerName(NAME), oneOrMany(headerValue, VALUES), 'must be an object of header names and values')
  .superRefine((headers, context) => {
    const names = Object.keys(headers)
    if (names.length === 0) context.addIssue({ code: 'custom', message: 'must name a header' })
    const seen = new Set<string>()
    for (const name of names) {
      if (seen.has(name.toLowerCase()))
        context.addIssue({ code: 'custom', path: [name], message: 'is named twice: list its values' })
      seen.add(name.toLowerCase())
    }
  })

const PATHS =
  'must be the path of predict requests, such as "/family/predict" or "/family/*", or a list of them'
/** Every predict request ends in /predict, and so does what a pattern can match. */
const PREDICT = '/predict'

function isPredictPath(pattern: string): boolean {
  const tail = pattern.slice(pattern.lastIndexOf('*') + 1)
  return tail.endsWith(PREDICT) || (pattern.includes('*') && PREDICT.endsWith(tail))
}

export const pathMatch = oneOrMany(
  z
    .string(PATHS)
    .regex(/^[/*][^?#\s]*$/, PATHS)
    .refine(isPredictPath, PATHS),
  PATHS,
)
