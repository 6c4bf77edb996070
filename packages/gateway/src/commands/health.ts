import { EXIT } from '../exit-codes.ts'
import { localUrl } from '../local-url.ts'
import { NAME } from '../name.ts'

/** How long a gateway may take to answer, in milliseconds. A container's health check usually waits 3 s. */
const TIMEOUT = 2_500

/** Sets the exit code by whether a gateway serves requests. */
export async function runHealth(url: string | undefined): Promise<void> {
  try {
    await checkHealth(url ?? localUrl(process.env))
  } catch (error) {
    process.stderr.write(`${NAME}: ${error instanceof Error ? error.message : error}\n`)
    process.exitCode = EXIT.failed
  }
}

/**
 * Asks a gateway for `/`, which it answers as long as it serves requests, even if every backend is down. A restart would not
 * repair the backends.
 *
 * @throws {Error} if the gateway does not answer, or is not a gateway.
 */
export async function checkHealth(url: string): Promise<void> {
  const root = new URL('/', url)
  let response: Response
  try {
    response = await fetch(root, { signal: AbortSignal.timeout(TIMEOUT), redirect: 'manual' })
  } catch (error) {
    throw new Error(`${root} does not answer: ${reasonOf(error)}.`, { cause: error })
  }
  const body = await response.text()
  if (response.status !== 200 || !body.includes('Immich ML'))
    throw new Error(`${root} answers ${response.status}, but not like a gateway; check the port.`)
}

/** The reason why fetch failed; its own message is only "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT} ms`
  return error.cause instanceof Error ? error.cause.message : error.message
}
