import * as z from 'zod'
import { flag, limitedDuration } from './values.ts'

const URL_TEXT = 'must be the URL of Immich, such as http://immich-server:2283'
const KEY = 'must be an API key of Immich without spaces; a number needs quotes'
const FILE = 'must be the path of a file'

/** Access to Immich's job queues. */
export const immich = z.strictObject(
  {
    /** URL of Immich's server, such as `http://immich-server:2283`. */
    url: z
      .string(URL_TEXT)
      .refine(isBaseUrl, `${URL_TEXT}; without user name, query and fragment`)
      .meta({ examples: ['http://immich-server:2283'] }),
    /**
     * API key of an administrator with the permissions `queue.read`, `queue.update` and `job.create`. In a file best as
     * `${file:/run/secrets/name}`.
     */
    apiKey: z.string(KEY).regex(/^[\x21-\x7e]+$/, KEY),
    /**
     * Whether lost jobs are queued again: once the backends are healthy, the router starts Immich's "Missing" for every queue
     * that lost jobs.
     */
    heal: flag.prefault(true),
    /**
     * Whether the queues are paused in Immich while no backend can serve them for more than a minute, and while the gateway is
     * stopped. Only these are resumed.
     */
    pauseWhileDown: flag.prefault(false),
    /**
     * File for lost jobs and paused queues. Two gateways need two files. Without it, a file in the directory of `bodySpool`, or
     * else for temp files.
     */
    file: z.string(FILE).regex(/./, FILE).optional(),
    /** Time between two looks at the queues. */
    interval: limitedDuration.prefault('15s'),
  },
  'must be an object of url, apiKey',
)

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return /^https?:$/.test(protocol) && username + password + search + hash === ''
}
