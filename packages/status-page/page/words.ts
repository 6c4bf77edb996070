import type {
  AttemptView,
  BackendView,
  DecisionView,
  Fate,
  HealthState,
  HealthView,
  JobKind,
  JobView,
  TaskView,
  WaiterView,
} from '../src/wire.ts'
import type { Format } from './format.ts'

/** Colour and shape of a state. */
export type Tone = 'go' | 'wait' | 'stop' | 'off'

/** The state of a backend on the page. A backend that is down and can be woken is `asleep`, or `waking` when a request waits. */
export type DisplayState = HealthState | 'asleep' | 'waking'

interface StateWords {
  readonly label: string
  readonly tone: Tone
  /** Follows "gpu is" in the verdict. Without it, the verdict does not mention the state. */
  readonly says?: string
}

export const STATES: Readonly<Record<DisplayState, StateWords>> = {
  healthy: { label: 'Healthy', tone: 'go' },
  recovering: { label: 'Recovering', tone: 'go' },
  unknown: { label: 'No answer yet', tone: 'off' },
  down: { label: 'Down', tone: 'stop', says: 'down' },
  ejected: { label: 'Ejected', tone: 'stop', says: 'ejected' },
  unresolved: { label: 'No address', tone: 'stop', says: 'without an address' },
  trial: { label: 'On trial', tone: 'wait', says: 'on trial' },
  degraded: { label: 'Degraded', tone: 'wait', says: 'degraded' },
  throttled: { label: 'Throttled', tone: 'wait', says: 'throttled' },
  waking: { label: 'Waking', tone: 'wait', says: 'waking up' },
  asleep: { label: 'Asleep', tone: 'off', says: 'asleep' },
  drained: { label: 'Drained', tone: 'off', says: 'drained' },
  removed: { label: 'Removed', tone: 'off' },
}

/** States in which a backend gets no requests. */
export const UNAVAILABLE: ReadonlySet<DisplayState> = new Set([
  'ejected',
  'down',
  'asleep',
  'waking',
  'unresolved',
  'drained',
  'removed',
])

export const FATES: Readonly<Record<Fate, { readonly label: string; readonly tone: Tone }>> = {
  answered: { label: 'Answered', tone: 'go' },
  rescued: { label: 'Answered after retry', tone: 'wait' },
  'job-failed': { label: 'Job failed', tone: 'wait' },
  failed: { label: 'Failed', tone: 'stop' },
  refused: { label: 'Refused', tone: 'stop' },
  left: { label: 'Client left', tone: 'off' },
}

/** Jobs by their names in Immich. */
export const KINDS: Readonly<Record<JobKind, string>> = {
  search: 'Text search',
  indexing: 'Image indexing (smart search)',
  faces: 'Faces',
  ocr: 'Text recognition (OCR)',
  other: 'Other jobs',
}

/** The same where there is little room. */
export const SHORT_KINDS: Readonly<Record<JobKind, string>> = {
  ...KINDS,
  indexing: 'Image indexing',
  ocr: 'OCR',
}

/** In the order in which they are listed. */
export const JOB_KINDS: readonly JobKind[] = ['search', 'indexing', 'faces', 'ocr', 'other']

/** The codes of failures in words. */
const REASONS: Readonly<Record<string, string>> = {
  connect: 'connection failed',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'unknown host name',
  UND_ERR_CONNECT_TIMEOUT: 'connect timeout',
  UND_ERR_SOCKET: 'connection closed',
  timeout: 'timeout',
  'connect-timeout': 'connect timeout',
  'response-timeout': 'response timeout',
  'idle-timeout': 'idle timeout: the response stopped',
  'total-timeout': 'total timeout of all attempts',
  reset: 'connection reset',
  gone: 'backend down: it stopped accepting connections',
  frozen: 'backend frozen: it did not answer any more',
  canary: 'not sent: a canary failed',
  poison: 'not sent: the job is at fault, since it killed backends that work',
  stale: 'stale connection',
  protocol: 'invalid HTTP response',
  shutdown: 'router closed',
}

export function reasonInWords(reason: string): string {
  return REASONS[reason] ?? reason
}

/** The details of a backend's state; empty for a healthy one. */
export function healthInWords(
  { health, inFlight, loading }: BackendView,
  now: number,
  format: Format,
): string {
  const { state, reason, since, until } = health
  const why = reason === undefined ? '' : `: ${reasonInWords(reason)}`
  const ago = since === undefined ? '' : ` for ${format.duration(now - since)}`
  const left = until === undefined ? '' : format.duration(Math.max(0, until - now))
  switch (state) {
    case 'healthy':
    case 'degraded':
      return sentence(limitsInWords(health, now, format))
    case 'unknown':
      return 'No probe or request has been answered yet'
    case 'recovering':
      if (loading !== undefined)
        return `Loading the models for ${loading.map(typesInWords).join(' and ')}; until then, other backends take these jobs`
      return `Recovering${ago}: it gets few requests at first`
    case 'throttled':
      return `It answered 429; it gets no requests for another ${left}`
    case 'trial':
      return `Ejected${ago}${why}. The next request tries it`
    case 'ejected':
      return `Ejected${ago}${why}. Next attempt in ${left}`
    case 'down':
      return `No answer to probes${ago}${why}`
    case 'unresolved':
      return reason ?? ''
    case 'drained':
      return inFlight > 0 ? 'Requests in flight still finish' : 'Gets no requests until it is enabled'
    case 'removed':
      return 'Its address is gone; requests in flight still finish'
  }
}

/** The jobs and sizes that an available backend does not take. */
function limitsInWords({ tasks, sizeLimit }: HealthView, now: number, format: Format): string[] {
  return [
    ...tasks.map((task) => taskInWords(task, now, format)),
    ...(sizeLimit === undefined ? [] : [`rejects bodies of ${format.bytes(sizeLimit)} or more`]),
  ]
}

export function taskInWords(view: TaskView, now: number, format: Format): string {
  const { task, state, reason, until, isSome = false } = view
  const name = `${isSome ? 'some ' : ''}${typesInWords(task)}`
  const left = until === undefined ? '' : format.duration(Math.max(0, until - now))
  if (state === 'lacking') return isSome ? `rejects ${name}` : `does not support ${name}`
  if (state === 'recovering') return `${name} is recovering`
  const why = reason === undefined ? '' : ` (${reasonInWords(reason)})`
  return state === 'ejected' ? `fails at ${name}${why}, next attempt in ${left}` : `fails at ${name}${why}`
}

/** For example `images (clip/visual)` or `searches (clip/textual) with the model ViT-B-32__openai`. */
export function typesInWords(keys: string): string {
  const [, types = '', model] = /^([^/+]+\/[^/+]+)\/(.+)$/.exec(keys) ?? [undefined, keys]
  const plain = plainName(types)
  const name = plain === undefined ? types || 'jobs' : `${plain} (${types.replaceAll('+', ' and ')})`
  return model === undefined ? name : `${name} with the model ${model}`
}

/** The same in short, each name once: `faces and some searches`. */
export function jobsInWords(tasks: readonly TaskView[]): string {
  const names = tasks.map(({ task, isSome = false }) => `${isSome ? 'some ' : ''}${plainName(task) ?? task}`)
  return [...new Set(names)].join(' and ')
}

function plainName(types: string): string | undefined {
  const [first = ''] = types.split('+')
  const [task = '', type = ''] = first.split('/')
  return PLAIN[`${task}/${type}`] ?? PLAIN[task]
}

/** Names by task and type, or by task. */
const PLAIN: Readonly<Record<string, string>> = {
  'clip/textual': 'searches',
  'clip/visual': 'images',
  'facial-recognition': 'faces',
  ocr: 'OCR',
}

/** Tasks, as the settings name them: `clip` or `clip/visual`. */
export function tasksInWords(tasks: readonly string[]): string {
  return tasks.map((task) => SERVED[task] ?? task).join(', ')
}

const SERVED: Readonly<Record<string, string>> = {
  clip: 'text searches and image indexing',
  'clip/textual': 'text searches',
  'clip/visual': 'image indexing',
  'facial-recognition': 'faces',
  ocr: 'text recognition',
}

/** What an answer meant, or why there was none. */
export function verdictInWords(verdict: string): string {
  return VERDICTS[verdict] ?? reasonInWords(verdict)
}

const VERDICTS: Readonly<Record<string, string>> = {
  fault: 'backend fault',
  job: 'job fault',
  undecided: 'failed, cause unknown',
  lacks: 'not supported',
  'too-large': 'body too large',
  busy: 'too many requests',
}

function sentence(parts: readonly string[]): string {
  const [first = '', ...rest] = parts
  return [first.charAt(0).toUpperCase() + first.slice(1), ...rest].join('; ')
}

/** A job by its name in Immich, and its models. */
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

/** A job from the key of a latency: `task/type/model`, several joined by `+`. */
export function kindInWords(key: string): JobWords {
  const entries: { task: string; type: string; model: string }[] = []
  for (const piece of key.split('+')) {
    const [, task, type, model] = /^([^/]+)\/([^/]+)\/(.+)$/.exec(piece) ?? []
    const last = entries.at(-1)
    if (task !== undefined && type !== undefined && model !== undefined) entries.push({ task, type, model })
    // The plus may belong to the name of a model.
    else if (last !== undefined) last.model += `+${piece}`
  }
  return entries.length === 0 ? { name: key || 'Unknown job', models: '' } : jobInWords({ entries })
}

function nameOfJob(task: string, type: string): string {
  if (task === 'clip')
    return type === 'textual'
      ? 'Text search'
      : type === 'visual'
        ? 'Image indexing (smart search)'
        : `clip ${type}`
  if (task === 'facial-recognition') return 'Faces'
  return task === 'ocr' ? 'Text recognition (OCR)' : `${task} ${type}`
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

export function waitInWords({ reason }: Pick<WaiterView, 'reason'>): string {
  return reason === 'full' ? 'queued: backends at their limit' : 'held: no backend available'
}

/** The outcome of an attempt. */
export function attemptInWords({ outcome, status, cause }: AttemptView): string {
  switch (outcome) {
    case 'answered':
      return `answered ${status ?? ''}`.trim()
    case 'passed-over':
      return `${cause ?? `answered ${status ?? ''}`}; not sent to the client`
    case 'failed':
      return reasonInWords(cause ?? 'failed')
    case 'body-failed':
      return 'the request body was incomplete'
    case 'superseded':
      return 'another attempt was faster'
    case 'client-left':
      return 'the client left'
  }
}

export function toneOfAttempt({ outcome, status = 0 }: AttemptView): Tone {
  if (outcome === 'answered') return status < 400 ? 'go' : status < 500 ? 'wait' : 'stop'
  return outcome === 'superseded' || outcome === 'client-left' ? 'off' : 'stop'
}

/** Why the router refused a request. */
const CODES: Readonly<Record<string, string>> = {
  'body-too-large': 'body too large',
  'body-failed': 'body incomplete',
  unclassified: 'unclassified',
  'no-backend-available': 'no backend available',
  'hold-expired': 'held too long',
  'hold-full': 'too many held',
  'queue-expired': 'queued too long',
  'queue-full': 'queue full',
  'router-closed': 'router closing',
}

/** The backends of a request in order; without attempts, the reason or the route. */
export function wayOf({ attempts, earlier, fate, code, route, cached, parts }: DecisionView): string {
  if (parts !== undefined) return `split into ${parts} requests`
  if (cached !== undefined) return [...attempts.map(({ backend }) => backend), 'search cache'].join(' → ')
  if (attempts.length === 0) return (fate === 'refused' ? CODES[code ?? ''] : undefined) ?? route ?? '–'
  const names = attempts.map(({ backend }) => backend)
  return [...(earlier === undefined ? [] : ['…']), ...names].join(' → ')
}
