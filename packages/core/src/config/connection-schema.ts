import * as z from 'zod'
import { basicAuthorization } from '../credentials.ts'
import { FRAMING, NOT_FRAMING } from './header-names.ts'
import { certificatesIn, privateKeyIn } from './pem.ts'
import { dnsName, flag, headerName, oneOrMany } from './values.ts'
import { withoutUndefined } from './without-undefined.ts'

const VALUE = 'must be text of one line; a number needs quotes'
const USERNAME = 'must be text without a colon and control characters; a number needs quotes'
const PASSWORD = 'must be text without control characters; a number needs quotes'
const TOKEN = 'must be a token without spaces and without "Bearer" before it; a number needs quotes'
/** A common mistake is to write the name of the file here. */
const pemOf = (what: string, file: string) =>
  `must be the PEM text of ${what}; that of a file is \${file:/run/secrets/${file}}, or in code readFileSync(path, 'utf8')`
const CA = pemOf('certificates', 'ca.pem')
const CERT = pemOf('a certificate', 'cert.pem')
const KEY = pemOf('a private key', 'key.pem')
const certificates = (what: string) => z.string(what).refine((text) => certificatesIn(text).length > 0, what)

const headersWithout = (reserved: ReadonlySet<string>) =>
  z
    .record(
      headerName('must be a header name').refine((name) => !reserved.has(name.toLowerCase()), NOT_FRAMING),
      // What HTTP can carry; a line end would begin another header.
      z.string(VALUE).regex(/^[\t\x20-\x7e\x80-\xff]*$/, VALUE),
      'must be an object of values by header name',
    )
    .transform((written) =>
      Object.fromEntries(Object.entries(written).map(([name, value]) => [name.toLowerCase(), value])),
    )

export const headers = headersWithout(FRAMING)
/** A hook's body is written in the configuration, so its type is as well. */
export const hookHeaders = headersWithout(new Set([...FRAMING].filter((name) => name !== 'content-type')))

export const basic = z.strictObject(
  {
    // No pattern: in a file it may be ${file:/run/secrets/name}, which the published schema must accept.
    /** Without a colon. */
    username: z.string(USERNAME).refine((text) => !/[:\p{Cc}]/u.test(text), USERNAME),
    /** In a file best as `${file:/run/secrets/name}`. */
    password: z.string(PASSWORD).refine((text) => !/\p{Cc}/u.test(text), PASSWORD),
  },
  'must be an object of username, password',
)

/** Becomes the value of `Authorization`. */
export const auth = z
  .strictObject(
    {
      /** User name and password, sent as basic authentication in UTF-8. */
      basic: basic.optional(),
      /** A bearer token, without the word `Bearer`. */
      bearer: z
        .string(TOKEN)
        .regex(/^[\x21-\x7e]+$/, TOKEN)
        .optional(),
    },
    'must be an object of basic or bearer',
  )
  .transform(({ basic, bearer }, context): string => {
    if (basic !== undefined && bearer === undefined) return basicAuthorization(basic.username, basic.password)
    if (bearer !== undefined && basic === undefined) return `Bearer ${bearer}`
    if (context.issues.length === 0)
      context.addIssue({ code: 'custom', message: 'must have one of basic and bearer' })
    return z.NEVER
  })
  .meta({ minProperties: 1, maxProperties: 1 })

/** Becomes options of Node's `tls.connect`. */
export const tls = z
  .strictObject(
    {
      /** Certificate authorities to trust, one PEM text or a list. Without it, the authorities that Node trusts. */
      ca: oneOrMany(certificates(CA), CA).optional(),
      /** Client certificate as PEM, with its intermediate certificates behind it; needs `key`. */
      cert: certificates(CERT).optional(),
      /** Private key of `cert` as PEM, without a passphrase. */
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
        .optional(),
      /** Host name that its certificate must be for, and that is sent as SNI. Without it, the host name in `url`. */
      servername: dnsName('must be a host name such as ml.example, and no address').optional(),
      /**
       * Accepts any certificate: then anyone on the network path can read and change everything. `immich-ml-router check` warns about it.
       */
      insecure: flag.optional().meta({ default: false }),
    },
    'must be an object of ca, cert, key, servername, insecure',
  )
  .transform(({ insecure, ...settings }) =>
    withoutUndefined({
      ...settings,
      // Without it, the options of http-proxy-3 decide.
      rejectUnauthorized: insecure === undefined ? undefined : !insecure,
    }),
  )

export const connection = {
  /**
   * Headers that only its requests and probes get. They win over the client's. A header that frames or describes the
   * message, such as `host` and `content-length`, is an error.
   */
  headers: headers.optional(),
  /** Credentials: `basic` or `bearer`. */
  auth: auth.optional(),
  /** TLS to the backend, for a `url` with https. */
  tls: tls.optional(),
}
