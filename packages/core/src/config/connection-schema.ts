import { z } from 'zod'
import type { AuthOptions } from './connection.ts'
import { FRAMING, HEADER_NAME, NOT_FRAMING } from './header-names.ts'
import { certificatesIn, privateKeyIn } from './pem.ts'
import { dnsName } from './schema-parts.ts'

const VALUE = 'must be text of one line; a number needs quotes'
/** What HTTP can carry; a line end would begin another header. */
const headerValue = z.string(VALUE).regex(/^[\t\x20-\x7e\x80-\xff]*$/, VALUE)

export const headers = z
  .record(
    z
      .string()
      .regex(HEADER_NAME, 'must be a header name')
      .refine((name) => !FRAMING.has(name.toLowerCase()), NOT_FRAMING),
    headerValue,
    'must be an object of values by header name',
  )
  .optional()
  .meta({ description: "Headers that its requests and probes get, and nobody else's." })

const USERNAME = 'must be text without a colon and control characters; a number needs quotes'
const PASSWORD = 'must be text without control characters; a number needs quotes'
const TOKEN = 'must be a token without spaces and without "Bearer" before it; a number needs quotes'
const basic = z.strictObject(
  {
    // No pattern: in a file it may be ${file:/run/secrets/name}, which the published schema must let pass.
    username: z
      .string(USERNAME)
      .refine((text) => !/[:\p{Cc}]/u.test(text), USERNAME)
      .meta({ description: 'Without a colon.' }),
    password: z
      .string(PASSWORD)
      .refine((text) => !/\p{Cc}/u.test(text), PASSWORD)
      .meta({ description: 'In a file best as `${file:/run/secrets/name}`.' }),
  },
  'must be an object of username, password',
)
export const auth = z
  .strictObject(
    {
      basic: basic.optional().meta({ description: 'User name and password.' }),
      bearer: z
        .string(TOKEN)
        .regex(/^[\x21-\x7e]+$/, TOKEN)
        .optional()
        .meta({ description: 'A token, without "Bearer" before it.' }),
    },
    'must be an object of basic or bearer',
  )
  .transform(({ basic, bearer }, context): AuthOptions => {
    if (basic !== undefined && bearer === undefined) return { basic }
    if (bearer !== undefined && basic === undefined) return { bearer }
    if (context.issues.length === 0)
      context.addIssue({ code: 'custom', message: 'must have one of basic and bearer' })
    return z.NEVER
  })
  .optional()
  .meta({ description: 'How it is told who asks: basic or bearer.', minProperties: 1, maxProperties: 1 })

/** A file's name is what is most often written here by mistake. */
const pemOf = (what: string, file: string) =>
  `must be the PEM text of ${what}; that of a file is \${file:/run/secrets/${file}}, or in code readFileSync(path, 'utf8')`
const CA = pemOf('certificates', 'ca.pem')
const CERT = pemOf('a certificate', 'cert.pem')
const KEY = pemOf('a private key', 'key.pem')
const certificates = (what: string) => z.string(what).refine((text) => certificatesIn(text).length > 0, what)
const SERVERNAME = 'must be a host name such as ml.example, and no address'

export const tls = z
  .strictObject(
    {
      ca: z
        .union([certificates(CA), z.array(certificates(CA), CA).min(1, 'must not be empty')], CA)
        .optional()
        .meta({
          description:
            'The authorities that may have signed its certificate, one PEM text or a list; by default those that Node knows.',
        }),
      cert: certificates(CERT).optional().meta({
        description:
          'The certificate that the router shows, as PEM, with those between it and its authority behind it; with `key`.',
      }),
      key: z
        .string(KEY)
        .superRefine((text, context) => {
          const key = privateKeyIn(text)
          if (key === 'none') context.addIssue({ code: 'custom', message: KEY })
          if (key === 'encrypted') {
            const message = 'must have no passphrase: "openssl pkey -in key.pem" writes it without'
            context.addIssue({ code: 'custom', message })
          }
        })
        .optional()
        .meta({ description: 'The private key of `cert`, as PEM, without a passphrase.' }),
      servername: dnsName(SERVERNAME).optional().meta({
        description:
          'The name that its certificate is for, and that it is asked for (SNI); that in `url` by default.',
      }),
      insecure: z.boolean('must be true or false').optional().meta({
        description:
          'Whether any certificate will do: then whoever is on the way can read and change everything. `--check` warns of it.',
        default: false,
      }),
    },
    'must be an object of ca, cert, key, servername, insecure',
  )
  .optional()
  .meta({ description: 'TLS to it, for a URL with https.' })
