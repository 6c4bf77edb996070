import { CANCEL_SYMBOL, cancel, confirm, intro, multiselect, text } from '@clack/prompts'
import { withoutCredentials } from '@immich-ml-router/core/parts'
import { macMistake, readTargets, type Target, TargetError, urlMistake } from './targets.ts'

/** The questions were cancelled. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError'
}

/**
 * Asks for the servers on the terminal.
 *
 * @throws {CancelledError} after Ctrl+C.
 */
export async function askTargets(): Promise<Target[]> {
  intro('A configuration for immich-ml-router')
  const urls = split(
    await answered(
      text({
        message: 'URLs of your ML servers, separated by spaces',
        placeholder: 'http://192.168.1.20:3003 http://nas:3003',
        validate: (value = '') => mistakeIn(split(value)),
      }),
    ),
  )
  const sleeps = await askSleeping(readTargets(urls))
  const mac: string[] = []
  for (const name of sleeps) {
    const address = await answered(
      text({
        message: `MAC address of ${name}, for Wake-on-LAN (empty: it is switched on by hand)`,
        placeholder: 'aa:bb:cc:dd:ee:ff',
        validate: (value = '') => (value === '' ? undefined : macMistake(value)),
      }),
    )
    if (address) mac.push(`${name}=${address}`)
  }
  return readTargets(urls, { sleeps, mac })
}

async function askSleeping(targets: readonly Target[]): Promise<string[]> {
  const [only, ...others] = targets
  if (only !== undefined && others.length === 0) {
    const message = 'Does its machine sleep, or is it switched off at times?'
    return (await answered(confirm({ message, initialValue: false }))) ? [only.name] : []
  }
  const options = targets.map(({ name, url }) => ({
    value: name,
    label: name,
    hint: withoutCredentials(url),
  }))
  const message = 'Which machines sleep, or are switched off at times?'
  return answered(multiselect({ message, options, required: false }))
}

function split(value: string): string[] {
  return value.split(/[\s,]+/).filter((url) => url !== '')
}

function mistakeIn(urls: readonly string[]): string | undefined {
  if (urls.length === 0) return 'Enter at least one URL.'
  const mistake = urls.map(urlMistake).find((found) => found !== undefined)
  if (mistake !== undefined) return mistake
  try {
    readTargets(urls)
    return undefined
  } catch (error) {
    if (error instanceof TargetError) return error.message
    throw error
  }
}

async function answered<T>(question: Promise<T | typeof CANCEL_SYMBOL>): Promise<T> {
  const answer = await question
  if (answer !== CANCEL_SYMBOL) return answer
  cancel('Cancelled; nothing was written.')
  throw new CancelledError()
}
