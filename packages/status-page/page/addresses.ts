import type { SetupView } from '../src/wire.ts'

/** The URLs that Immich can use, and what to know about them. */
export interface Addresses {
  readonly urls: readonly string[]
  readonly note: string
}

/** The part of `location` that is used. */
export interface PageLocation {
  readonly origin: string
  readonly hostname: string
  readonly pathname: string
}

/** The addresses to offer, the most likely first. */
export function addressesFor(setup: SetupView, page: PageLocation): Addresses {
  const { port, path, isContainer, isLoopback } = setup
  if (isLoopback)
    return {
      urls: [`http://localhost:${port}${path}`],
      note: 'The router listens on the loopback address, so only programs on the same machine reach it, and no container. Set HOST=0.0.0.0 to listen on every address.',
    }
  const opened = isLocal(page.hostname) ? [] : [page.origin + (path || mountOf(page))]
  // The name of the service in the Docker network is not known.
  const service = isContainer ? [`http://<service>:${port}${path}`] : []
  const urls = [...new Set([...service, ...opened, ...setup.addresses])]
  return { urls, note: noteFor(setup, opened.length > 0) }
}

function noteFor({ isContainer, addresses, port }: SetupView, isOpened: boolean): string {
  if (isContainer) {
    const otherwise = isOpened
      ? 'Otherwise, use the address below.'
      : `Otherwise, use the address of the machine and the port that is published for ${port}.`
    return `The router is in a container and sees only the addresses inside of it. If Immich is in the same Docker network, replace <service> with the name of the router's service or container. ${otherwise}`
  }
  return addresses.length + Number(isOpened) > 1
    ? 'If Immich does not reach the first one, try the next. localhost does not work from a container.'
    : 'localhost does not work from a container.'
}

/** The path on which a framework or a reverse proxy mounts the page. */
function mountOf({ pathname }: PageLocation): string {
  const mount = pathname.replace(/\/+$/, '').replace(/\/_router$/, '')
  return mount === '' ? '' : `${mount}/`
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host.startsWith('127.') || host === '[::1]'
}
