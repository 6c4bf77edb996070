import { ConfigError, parseConfig } from '@immich-ml-router/core'
import { withoutCredentials } from '@immich-ml-router/core/parts'

/** An ML server to configure. */
export interface Target {
  readonly name: string
  /** The base URL, with credentials if it was given with them. */
  readonly url: string
  /** Whether its machine sleeps or is switched off at times. */
  readonly sleeps: boolean
  /** The MAC address for Wake-on-LAN. */
  readonly mac?: string | undefined
}

/** What is given on the command line. */
export interface TargetOptions {
  /** Names of the backends, in the order of the URLs. */
  readonly name?: readonly string[]
  /** Names or URLs of backends whose machines sleep. */
  readonly sleeps?: readonly string[]
  /** `<name or URL>=<MAC address>`; of a single sleeping machine the address alone. */
  readonly mac?: readonly string[]
}

/** The command line is wrong. */
export class TargetError extends Error {
  override readonly name = 'TargetError'
}

/**
 * Reads the servers from the command line.
 *
 * @throws {TargetError} if a URL, a name or a MAC address is wrong.
 */
export function readTargets(urls: readonly string[], options: TargetOptions = {}): Target[] {
  const bases = urls.map(baseUrl)
  const twice = bases.find((url, index) => bases.indexOf(url) !== index)
  if (twice !== undefined) throw new TargetError(`${withoutCredentials(twice)} is given twice.`)
  const names = namesOf(bases, options.name ?? [])
  const targets = bases.map((url, index) => ({ name: names[index] ?? '', url }))
  const find = (written: string, flag: string) => {
    const meant = targets.find(({ name, url }) => name === written || url === tryBaseUrl(written))
    if (meant !== undefined) return meant
    throw new TargetError(
      `${flag} ${written}: no backend has this name or URL; there are ${names.join(', ')}.`,
    )
  }
  const sleeping = new Set((options.sleeps ?? []).map((written) => find(written, '--sleeps')))
  const macs = new Map<Omit<Target, 'sleeps'>, string>()
  for (const written of options.mac ?? []) {
    const at = written.lastIndexOf('=')
    const target =
      at === -1
        ? onlyOf(sleeping.size > 0 ? [...sleeping] : targets, written)
        : find(written.slice(0, at), '--mac')
    macs.set(target, written.slice(at + 1))
    sleeping.add(target)
  }
  return targets.map((target) => checked({ ...target, sleeps: sleeping.has(target), mac: macs.get(target) }))
}

function onlyOf<T extends { readonly name: string }>(targets: readonly T[], mac: string): T {
  const [target, ...others] = targets
  if (target !== undefined && others.length === 0) return target
  throw new TargetError(`--mac ${mac}: name its backend, as in ${target?.name}=${mac}.`)
}

/** Why a text is not the URL of an ML server; `undefined` if it is. */
export function urlMistake(text: string): string | undefined {
  try {
    baseUrl(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Why a text is not a MAC address; `undefined` if it is. */
export function macMistake(mac: string): string | undefined {
  return mistakeIn({ name: 'ml', url: 'http://ml', sleeps: true, mac })
}

/** Adds `http://`, and removes `/predict` and `/ping`, which the router appends itself. */
function baseUrl(text: string): string {
  const url = (text.includes('://') ? text : `http://${text}`).replace(/\/+(?:predict|ping)?\/*$/, '')
  const mistake = mistakeIn({ name: 'ml', url, sleeps: false })
  if (mistake !== undefined)
    throw new TargetError(`${URL.canParse(url) ? withoutCredentials(url) : text}: the URL ${mistake}`)
  return url
}

function tryBaseUrl(text: string): string | undefined {
  return urlMistake(text) === undefined ? baseUrl(text) : undefined
}

/** The given names, and for the others the first label of the host. */
function namesOf(urls: readonly string[], given: readonly string[]): string[] {
  if (given.length > urls.length)
    throw new TargetError(`--name is given ${given.length} times, but there are ${urls.length} URLs.`)
  const names = [...given]
  for (const url of urls.slice(given.length)) {
    const { hostname } = new URL(url)
    const isAddress = /^[\d.]+$|^\[/.test(hostname) || hostname === 'localhost'
    const name = isAddress ? 'ml' : (hostname.split('.', 1)[0] ?? 'ml')
    let unique = name
    for (let count = 2; names.includes(unique); count++) unique = `${name}-${count}`
    names.push(unique)
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new TargetError(`--name ${twice} is given twice.`)
  return names
}

function checked(target: Target): Target {
  const mistake = mistakeIn(target)
  if (mistake !== undefined) throw new TargetError(`${target.name}: ${mistake}`)
  return target
}

function mistakeIn({ name, url, mac }: Target): string | undefined {
  try {
    parseConfig({ backends: { [name]: { url, ...(mac === undefined ? {} : { wake: { mac } }) } } })
    return undefined
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ message }) => message).join('; ')
  }
}
