import * as z from 'zod'
import { hookHeaders } from './connection-schema.ts'
import { limitedDuration } from './values.ts'

const URL_TEXT = 'must be a URL such as http://homeassistant:8123/api/services/switch/turn_on'
const COMMAND =
  'must be a list of the program and its arguments, such as [/usr/bin/ssh, gpu, systemctl, suspend]'

/** The members of a hook: an HTTP request, a command, or both. */
export const hookMembers = {
  /** URL to request. A 2xx answer is a success; a redirect is not followed. */
  url: z
    .string(URL_TEXT)
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), URL_TEXT)
    .meta({ examples: ['http://homeassistant:8123/api/webhook/gpu-on'] })
    .optional(),
  /** Method of the request. */
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).prefault('POST'),
  /** Headers of the request, such as `authorization`; a secret best as `${file:/run/secrets/name}`. */
  headers: hookHeaders.optional(),
  /** Body of the request. With a JSON body, set the header `content-type`. */
  body: z.string('must be text').optional(),
  /**
   * Program and arguments. It runs without a shell, with only `PATH` and `HOME` of the environment. Exit code 0 is a success.
   * In a configuration file, the file must belong to the user of the gateway, and no other user may write it.
   */
  command: z.array(z.string(COMMAND).min(1, COMMAND), COMMAND).min(1, COMMAND).optional(),
  /** Time for the request or command. Then the request is aborted, and the command killed. */
  timeout: limitedDuration.prefault('10s'),
}
