import { errors } from 'undici'
import type { FailureCause } from '../backend/outcome.ts'

/** Why an attempt failed, by undici's error. */
export function causeOf(error: Error, reachedBackend: boolean): FailureCause {
  if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError)
    return 'shutdown'
  if (error instanceof errors.ConnectTimeoutError) return 'connect-timeout'
  if (error instanceof errors.HeadersTimeoutError) return 'response-timeout'
  if (error instanceof errors.BodyTimeoutError) return 'idle-timeout'
  if (!reachedBackend) return 'connect'
  // undici: "bad response" and "bad upgrade" are answers that make no sense, and no reset.
  if (error instanceof errors.SocketError) return error.message.startsWith('bad ') ? 'protocol' : 'reset'
  const code: unknown = Reflect.get(error, 'code')
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED' ? 'reset' : 'protocol'
}
