import { z } from 'zod'
import { defaults } from './defaults.ts'
import { count } from './schema-parts.ts'
import { size } from './size-schema.ts'

/** How much of a request is read to classify it. */
export const limits = z
  .strictObject(
    {
      entriesSize: size.optional().meta({
        description: 'Size of the `entries` field. Immich sends less than 1 KiB.',
        default: '64kb',
      }),
      entries: count(1).optional().meta({
        description:
          'Entries in the JSON of the `entries` field: its types, over all tasks. Immich sends one or two.',
        default: defaults.limits.entries,
      }),
      nameLength: count(1).optional().meta({
        description: 'Characters of a task, type or model name.',
        default: defaults.limits.nameLength,
      }),
      jsonDepth: count(3).optional().meta({
        description: 'Levels of objects and arrays in the JSON. An entry takes 3, its options 1 more.',
        default: defaults.limits.jsonDepth,
      }),
      jsonValues: count(4).optional().meta({
        description: 'Values in the JSON: strings, numbers, literals, objects and arrays.',
        default: defaults.limits.jsonValues,
      }),
      parts: count(1).optional().meta({
        description: 'Fields of the form, and as many files. The ML server takes 1,000 of each.',
        default: defaults.limits.parts,
      }),
      partHeaders: count(1).optional().meta({
        description: 'Header lines of one part. The ML server takes 8.',
        default: defaults.limits.partHeaders,
      }),
      partHeaderSize: size.optional().meta({
        description: 'Size of one header line of a part. The ML server takes 4,224 bytes.',
        default: defaults.limits.partHeaderSize,
      }),
      headerParameters: count(1).optional().meta({
        description: 'Parameters of `Content-Type`, and of the `Content-Disposition` of a part.',
        default: defaults.limits.headerParameters,
      }),
    },
    'must be an object of limits',
  )
  .meta({
    description:
      'How much of a request is read to know its job. A request beyond a limit is unclassified: it goes to the last route.',
  })
