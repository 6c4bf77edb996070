/** The error of a port that cannot be opened. */
interface ListenFailure extends Error {
  readonly code: string
  readonly address?: string | undefined
  readonly port?: number | undefined
}

/**
 * Says why a port cannot be opened, and what to do.
 *
 * @param error The error of `server.listen()`.
 * @param variable The variable that chooses the port.
 */
export function listenError(error: unknown, variable: string): unknown {
  if (!isListenFailure(error)) return error
  const { code, port } = error
  const describe = (what: string) => new Error(what, { cause: error })
  if (code === 'EADDRINUSE') {
    const likely =
      port === 3003
        ? " 3003 is also the default port of Immich's ML server, which may run on this machine."
        : ''
    return describe(
      `port ${port} is in use.${likely} Choose another port with ${variable}, such as ${variable}=3030, and use it in Immich's URL.`,
    )
  }
  if (code === 'EACCES')
    return describe(
      `port ${port}: permission denied. Ports below 1024 need privileges; set ${variable} to a higher port.`,
    )
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return describe(
      `HOST: this machine does not have the address ${error.address ?? error.message}; set HOST to one of its addresses, or leave it out.`,
    )
  return error
}

function isListenFailure(error: unknown): error is ListenFailure {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}
