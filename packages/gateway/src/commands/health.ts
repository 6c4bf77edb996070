import http from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { fail } from '../fail.ts'
import { gatewayUrl, localUrl } from '../local-url.ts'

/** How long a gateway may take to answer, in milliseconds. A container's health check usually waits 3 s. */
const TIMEOUT = 2_500

/** Sets the exit code by whether a gateway serves requests. */
export async function runHealth(url: string | undefined): Promise<void> {
  try {
    await checkHealth(url ?? localUrl(process.env))
  } catch (error) {
    fail(error)
  }
}

/**
 * Asks a gateway for `/`, which it answers as long as it serves requests, even if every backend is down. A restart would not
 * repair the backends.
 *
 * @throws {Error} if the gateway does not answer, or is not a gateway.
 */
export async function checkHealth(url: string): Promise<void> {
  const root = new URL('/', gatewayUrl(url))
  let answer: Answer
  try {
    answer = await get(root)
  } catch (error) {
    throw new Error(`${root} does not answer: ${reasonOf(error)}.`, { cause: error })
  }
  if (answer.status !== 200 || !answer.body.includes('Immich ML'))
    throw new Error(`${root} answers ${answer.status}, but not like a gateway; check the port.`)
}

interface Answer {
  readonly status: number | undefined
  readonly body: string
}

/** Not fetch(), which refuses ports of other protocols, such as 5060. */
function get(url: URL): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { get: send } = url.protocol === 'https:' ? https : http
    const request = send(url, { signal: AbortSignal.timeout(TIMEOUT), agent: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, body }), reject)
    })
    request.on('error', reject)
  })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'AbortError' || error.name === 'TimeoutError'
    ? `no answer within ${TIMEOUT} ms`
    : error.message
}
