import { z } from 'zod'
import { defaults } from './defaults.ts'
import { count, duration } from './schema-parts.ts'
import { size } from './size-schema.ts'

const members = {
  bulk: duration.optional().meta({
    description: 'The longest hold of a bulk request (priority 0); then the answer is 503.',
    default: '12h',
  }),
  interactive: duration.optional().meta({
    description: 'The longest hold of an interactive request (priority above 0), such as a text search.',
    default: '15s',
  }),
  maxHeld: count(1).optional().meta({
    description:
      'How many requests are held at once on a route; further ones get 503. A tenth of it, rounded down, is reserved for interactive requests.',
    default: defaults.maxHeld,
  }),
}

const HOLD =
  'must be false, a duration such as "12h", "unlimited", or an object of bulk, interactive, maxHeld'
export const hold = z
  .union([z.literal(false), duration, z.strictObject(members)], HOLD)
  .optional()
  .meta({
    description:
      'How long requests of this route are held while none of its backends is available. A duration sets both classes, `false` turns it off; members that are left out are those for all.',
  })

export const policyHold = z
  .union(
    [
      z.literal(false),
      duration,
      z.strictObject({
        ...members,
        maxBytes: size.optional().meta({
          description: 'The most bytes that the bodies of held requests take together, on all routes.',
          default: '2gb',
        }),
      }),
    ],
    `${HOLD}, maxBytes`,
  )
  .optional()
  .meta({
    description:
      'How long requests are held while no backend of their route is available. A duration sets both classes, `false` turns it off: then Immich tries its next URL.',
  })
