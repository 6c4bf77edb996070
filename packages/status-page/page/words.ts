import type {
  AttemptView,
  BackendView,
  DecisionView,
  Fate,
  HealthState,
  HealthView,
  JobView,
  Kind,
  TaskView,
  WaiterView,
} from '../src/wire.ts'
import type { Format } from './format.ts'

/** How a thing stands, as far as colour and shape go. */
export type Tone = 'go' | 'wait' | 'stop' | 'off'

/** How a backend stands: its state, or that it is down and meant to be, until somebody wants it. */
export type Standing = HealthState | 'asleep' | 'wanted'

interface StandingWords {
  readonly label: string
  readonly tone: Tone
  /** What comes behind its name and "is", when it is worth a word. */
  readonly says?: string
}

export const STANDINGS: Readonly<Record<Standing, StandingWords>> = {
  well: { label: 'Well', tone: 'go' },
  recovering: { label: 'Back', tone: 'go' },
  unknown: { label: 'Not heard from yet', tone: 'off' },
  down: { label: 'Down', tone: 'stop', says: 'down' },
  ejected: { label: 'Ejected', tone: 'stop', says: 'ejected' },
  unresolved: { label: 'No address', tone: 'stop', says: 'without an address' },
  trial: { label: 'On trial', tone: 'wait', says: 'on trial' },
  partly: { label: 'Partly well', tone: 'wait', says: 'partly well' },
  busy: { label: 'Wants a pause', tone: 'wait', says: 'taking a pause' },
  wanted: { label: 'Being woken', tone: 'wait', says: 'being woken' },
  asleep: { label: 'Away', tone: 'off', says: 'away' },
  drained: { label: 'Drained', tone: 'off', says: 'drained' },
  leaving: { label: 'Leaving', tone: 'off' },
}

/** Where nothing gets through. */
export const GETS_NOTHING: ReadonlySet<Standing> = new Set([
  'ejected',
  'down',
  'asleep',
  'wanted',
  'unresolved',
  'drained',
  'leaving',
])

export const FATES: Readonly<Record<Fate, { readonly label: string; readonly tone: Tone }>> = {
  answered: { label: 'Answered', tone: 'go' },
  rescued: { label: 'Answered by another', tone: 'wait' },
  failed: { label: 'Failed', tone: 'stop' },
  refused: { label: 'Refused', tone: 'stop' },
  left: { label: 'Client left', tone: 'off' },
}

export const KINDS: Readonly<Record<Kind, string>> = { search: 'Text search', bulk: 'Images' }

/** The codes of failures, in words that follow a name. */
const REASONS: Readonly<Record<string, string>> = {
  connect: 'no connection',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection broke',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'the name is not known',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_SOCKET: 'the connection broke',
  timeout: 'no answer in time',
  'connect-timeout': 'no connection in time',
  'response-timeout': 'no answer in time',
  'idle-timeout': 'the answer stopped',
  'total-timeout': 'the time for all attempts was over',
  reset: 'the connection broke',
  gone: 'the machine was gone',
  stale: 'the connection had gone stale',
  protocol: 'an answer that is no HTTP',
  shutdown: 'the router was closed',
}

export function reasonInWords(reason: string): string {
  return REASONS[reason] ?? reason
}

/** What there is to say about a backend beyond the name of its state; nothing when it is well. */
export function healthInWords({ health, inFlight }: BackendView, now: number, format: Format): string {
  const { state, reason, since, until } = health
  const why = reason === undefined ? '' : `: ${reasonInWords(reason)}`
  const ago = since === undefined ? '' : ` for ${format.duration(now - since)}`
  const left = until === undefined ? '' : format.duration(Math.max(0, until - now))
  switch (state) {
    case 'well':
    case 'partly':
      return sentence(limitsInWords(health, now, format))
    case 'unknown':
      return 'Its first probe is on its way'
    case 'recovering':
      return `Back${ago}; it begins with a few requests`
    case 'busy':
      return `It has asked to be left alone for ${left}`
    case 'trial':
      return `Ejected${ago}${why}. The next request finds out if it is back`
    case 'ejected':
      return `Ejected${ago}${why}. Tried again in ${left}`
    case 'down':
      return `No answer to probes${ago}${why}`
    case 'unresolved':
      return reason ?? ''
    case 'drained':
      return inFlight > 0 ? `It finishes what it has` : 'It gets nothing until it is enabled'
    case 'leaving':
      return 'Its address is gone; it finishes what it has'
  }
}

/** What it cannot do, though it is there. */
function limitsInWords({ tasks, sizeLimit }: HealthView, now: number, format: Format): string[] {
  return [
    ...tasks.map((task) => taskInWords(task, now, format)),
    ...(sizeLimit === undefined ? [] : [`refuses bodies of ${format.bytes(sizeLimit)} or more`]),
  ]
}

export function taskInWords(view: TaskView, now: number, format: Format): string {
  const { task, state, reason, until, isSome = false } = view
  const name = typesInWords(task)
  const left = until === undefined ? '' : format.duration(Math.max(0, until - now))
  if (state === 'lacking') return isSome ? `refuses some ${name}` : `does not have ${name}`
  if (state === 'recovering') return `${name} is coming back`
  const why = reason === undefined ? '' : ` (${reasonInWords(reason)})`
  return state === 'ejected' ? `fails at ${name}${why}, tried again in ${left}` : `fails at ${name}${why}`
}

/** Such as `images (clip/visual)`, or `searches (clip/textual) with the model ViT-B-32__openai`. */
function typesInWords(keys: string): string {
  const [, types = '', model] = /^([^/+]+\/[^/+]+)\/(.+)$/.exec(keys) ?? [undefined, keys]
  const [first = ''] = types.split('+')
  const plain = PLAIN[first] ?? PLAIN[first.split('/', 1)[0] ?? '']
  const name = plain === undefined ? types || 'jobs' : `${plain} (${types.replaceAll('+', ' and ')})`
  return model === undefined ? name : `${name} with the model ${model}`
}

/** By task and type, or by task. */
const PLAIN: Readonly<Record<string, string>> = {
  'clip/textual': 'searches',
  'clip/visual': 'images',
  'facial-recognition': 'faces',
  ocr: 'OCR',
}

function sentence(parts: readonly string[]): string {
  const [first = '', ...rest] = parts
  return [first.charAt(0).toUpperCase() + first.slice(1), ...rest].join('; ')
}

/** A job as Immich's users know it, and its models. */
export interface JobWords {
  readonly name: string
  readonly models: string
}

export function jobInWords({ entries, more, unclassified }: JobView): JobWords {
  if (unclassified !== undefined) return { name: 'Unknown job', models: unclassified.replaceAll('-', ' ') }
  const names = unique(entries.map(({ task, type }) => nameOfJob(task, type)))
  const models = unique(entries.map(({ model }) => model))
  return {
    name: names.join(' + ') + (more === undefined ? '' : ` + ${more} more`),
    models: models.join(', '),
  }
}

/** The same of the key of a latency: `task/type/model`, several with `+` between them. */
export function kindInWords(key: string): JobWords {
  const entries: { task: string; type: string; model: string }[] = []
  for (const piece of key.split('+')) {
    const [, task, type, model] = /^([^/]+)\/([^/]+)\/(.+)$/.exec(piece) ?? []
    const last = entries.at(-1)
    if (task !== undefined && type !== undefined && model !== undefined) entries.push({ task, type, model })
    // A model may have a plus in its name.
    else if (last !== undefined) last.model += `+${piece}`
  }
  return entries.length === 0 ? { name: key || 'Unknown job', models: '' } : jobInWords({ entries })
}

function nameOfJob(task: string, type: string): string {
  if (task === 'clip')
    return type === 'textual' ? 'Text search' : type === 'visual' ? 'Smart search' : `clip ${type}`
  if (task === 'facial-recognition') return 'Faces'
  return task === 'ocr' ? 'OCR' : `${task} ${type}`
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

export function waitInWords({ reason }: Pick<WaiterView, 'reason'>): string {
  return reason === 'full' ? 'a slot' : 'a backend'
}

/** What became of an attempt. */
export function attemptInWords({ outcome, status, cause }: AttemptView): string {
  switch (outcome) {
    case 'answered':
      return `answered ${status ?? ''}`.trim()
    case 'passed-over':
      return `${cause ?? `answered ${status ?? ''}`}, which the client did not get`
    case 'failed':
      return reasonInWords(cause ?? 'failed')
    case 'body-failed':
      return 'the request did not arrive whole'
    case 'superseded':
      return 'another was quicker'
    case 'client-left':
      return 'the client left'
  }
}

export function toneOfAttempt({ outcome, status = 0 }: AttemptView): Tone {
  if (outcome === 'answered') return status < 500 ? 'go' : 'stop'
  return outcome === 'superseded' || outcome === 'client-left' ? 'off' : 'stop'
}

/** Why the router answered by itself. */
const CODES: Readonly<Record<string, string>> = {
  'body-too-large': 'too large',
  'body-failed': 'did not arrive whole',
  unclassified: 'no known job',
  'no-backend-available': 'no backend',
  'hold-expired': 'waited too long',
  'hold-full': 'too many wait',
  'queue-expired': 'waited too long',
  'queue-full': 'too many wait',
  'router-closed': 'the router closes',
}

/** The backends that had a request, one after the other; why none had it; or the route that it would have gone. */
export function wayOf({ attempts, earlier, fate, code, route }: DecisionView): string {
  if (attempts.length === 0) return (fate === 'refused' ? CODES[code ?? ''] : undefined) ?? route ?? '–'
  const names = attempts.map(({ backend }) => backend)
  return [...(earlier === undefined ? [] : ['…']), ...names].join(' → ')
}
