import type {
  BackendView,
  DecisionView,
  HealthState,
  JobKind,
  JobView,
  Latencies,
  Report,
  TaskView,
  WindowView,
} from '@immich-ml-router/status-page'
import { type Cell, type Paint, type Style, table } from '../table.ts'
import { printable, timeText } from '../text.ts'

/** Decisions that are shown. */
const MOST_DECISIONS = 10
/** Characters of a reason in the table; its whole text is on the page. */
const LONGEST_REASON = 100

/** A status as text: the backends, what waits, and the last decisions. */
export function statusText(report: Report, paint: Paint): string {
  const { backends, waiting, decisions, notices } = report
  const last = decisions.slice(-MOST_DECISIONS).toReversed()
  return [
    ...headLines(report),
    ...notices.map(({ level, message }) => paint(level === 'error' ? 'red' : 'yellow', printable(message))),
    '',
    ...table(
      ['backend', 'state', 'jobs/min', 'busy', 'in flight', 'waiting', 'p95 by job', 'reason'],
      backends.map((backend) => backendRow(backend, report)),
      paint,
    ),
    '',
    waitingLine(report),
    ...(waiting.count === 0 ? [] : waitingTable(report, paint)),
    '',
    ...(last.length === 0
      ? ['No request yet.']
      : table(
          ['time', 'job', 'backend', 'outcome', 'took', 'waited', 'attempts', 'reason'],
          last.map((decision) => decisionRow(decision, report)),
          paint,
        )),
  ].join('\n')
}

function headLines({ about, state, windows, active, wall }: Report): string[] {
  const running = state === 'running' ? 'running' : `router is ${state}`
  return [
    `${clockTime(wall)}  ${running}, ${active} in progress, version ${about.version}, up for ${spanText(wall - about.startedAt)}`,
    `last minute: ${windowText(windows.minute)}`,
    `last 15 min: ${windowText(windows.quarter)}`,
  ]
}

const KINDS: readonly (readonly [JobKind, string])[] = [
  ['search', 'text search'],
  ['indexing', 'image indexing'],
  ['faces', 'faces'],
  ['ocr', 'OCR'],
  ['other', 'other jobs'],
]

/** `36 jobs/min, 2 failed; p95: text search 40 ms, faces 1.2 s`. */
function windowText({ rate, fates, latencies }: WindowView): string {
  const slow = slowText(latencies)
  return [
    [
      `${amount(rate * 60)} jobs/min`,
      ...(fates.failed === 0 ? [] : [`${fates.failed} failed`]),
      ...(fates.refused === 0 ? [] : [`${fates.refused} refused`]),
    ].join(', '),
    ...(slow === '' ? [] : [`p95: ${slow}`]),
  ].join('; ')
}

/** The p95 of each kind of job. */
function slowText(latencies: Latencies): string {
  return KINDS.flatMap(([kind, name]) => {
    const latency = latencies[kind]
    return latency === undefined ? [] : [`${name} ${timeText(latency.p95)}`]
  }).join(', ')
}

/** With one decimal below 10. */
function amount(number: number): string {
  return number < 9.95 ? String(Number(number.toFixed(1))) : String(Math.round(number))
}

const STYLES: Readonly<Partial<Record<HealthState, Style>>> = {
  healthy: 'green',
  unknown: 'dim',
  ejected: 'red',
  down: 'red',
  unresolved: 'red',
  drained: 'dim',
  removed: 'dim',
}

function backendRow(backend: BackendView, { now, windows }: Report): Cell[] {
  const { name, endpoint, inFlight, limit, queued, held, minute, health } = backend
  const { jobs, busy, latencies } = minute
  const rate = jobs / Math.max(windows.minute.length, 1_000)
  const { state, until } = health
  const ends = until !== undefined && until > now ? ` ${spanText(until - now)}` : ''
  return [
    endpoint === undefined ? name : `${name} ${endpoint}`,
    { text: `${state}${ends}`, style: STYLES[state] ?? 'yellow' },
    amount(rate * 60_000),
    `${Math.round(busy * 100)} %`,
    `${inFlight}/${limit ?? '∞'}`,
    queued + held === 0 ? '' : String(queued + held),
    slowText(latencies),
    reasonText(backend),
  ]
}

function reasonText({ health, wakes, loading = [] }: BackendView): string {
  const tasks = health.tasks.map(taskText)
  const asleep = wakes && health.state === 'down' ? ['can be woken'] : []
  const loads = loading.map((job) => `loads ${kindName(job)}`)
  const reason = health.reason === undefined ? [] : [health.reason]
  return shortened([...reason, ...tasks, ...asleep, ...loads].join('; '))
}

function taskText({ task, state, reason }: TaskView): string {
  const name = kindName(task)
  return state === 'lacking'
    ? `lacks ${name}`
    : `${name} ${state}${reason === undefined ? '' : ` (${reason})`}`
}

function waitingLine({ waiting }: Report): string {
  const { count, first } = waiting
  if (count === 0) return 'Nothing is queued or held.'
  const held = first.filter(({ reason }) => reason === 'unavailable').length
  if (first.length === count) return `${count - held} queued, ${held} held.`
  return `${count} queued or held; of the oldest ${first.length}, ${held} are held.`
}

/** The waiting requests by route and reason, with the longest wait. */
function waitingTable({ waiting, now }: Report, paint: Paint): string[] {
  const groups = new Map<string, { cells: string[]; count: number; oldest: number }>()
  for (const { route, reason, job, at } of waiting.first) {
    const cells = [route, reason === 'full' ? 'queued' : 'held', jobName(job)]
    const key = cells.join('\0')
    const group = groups.get(key) ?? { cells, count: 0, oldest: at }
    groups.set(key, { cells, count: group.count + 1, oldest: Math.min(group.oldest, at) })
  }
  const rows = [...groups.values()].map(({ cells, count, oldest }) => [
    ...cells,
    String(count),
    spanText(now - oldest),
  ])
  return table(['route', 'why', 'job', 'requests', 'longest'], rows, paint)
}

const FATES: Readonly<Record<DecisionView['fate'], readonly [text: string, style: Style]>> = {
  answered: ['answered', 'green'],
  rescued: ['answered after retry', 'yellow'],
  'job-failed': ['job failed', 'yellow'],
  failed: ['failed', 'red'],
  refused: ['refused', 'red'],
  left: ['client left', 'dim'],
}

function decisionRow(decision: DecisionView, { wall, now }: Report): Cell[] {
  const { at, job, fate, status, total, queue, hold, attempts, earlier = 0, error } = decision
  const [text, style] = FATES[fate]
  const last = attempts.at(-1)
  const count = attempts.length + earlier
  return [
    clockTime(wall - (now - at)),
    jobName(job),
    last?.backend ?? '',
    { text: status === undefined ? text : `${text} (${status})`, style },
    timeText(total),
    queue + hold < 1 ? '' : timeText(queue + hold),
    count < 2 ? '' : String(count),
    shortened(
      error ?? (fate === 'answered' ? '' : (attempts.find(({ cause }) => cause !== undefined)?.cause ?? '')),
    ),
  ]
}

const NAMES: Readonly<Record<string, string>> = {
  'clip/textual': 'text search',
  'clip/visual': 'image indexing',
  'facial-recognition/detection': 'faces',
  'facial-recognition/recognition': 'faces',
  'ocr/detection': 'OCR',
  'ocr/recognition': 'OCR',
}

/** `text search` for `clip/textual/ViT-B-32__openai`: Immich's jobs by name, others by task and type. */
function kindName(kind: string): string {
  const names = kind.split('+').map((entry) => {
    const type = entry.split('/', 2).join('/')
    return Object.hasOwn(NAMES, type) ? (NAMES[type] ?? type) : type
  })
  return [...new Set(names)].join('+') || 'unclassified'
}

function jobName({ entries, unclassified, more }: JobView): string {
  if (unclassified !== undefined) return `unclassified (${unclassified})`
  const name = kindName(entries.map(({ task, type }) => `${task}/${type}`).join('+'))
  return more === undefined ? name : `${name} and ${more} more`
}

function shortened(text: string): string {
  const plain = printable(text)
  return plain.length > LONGEST_REASON ? `${plain.slice(0, LONGEST_REASON - 1)}…` : plain
}

/** `14:03:27`, in local time. */
function clockTime(wall: number): string {
  return new Date(wall).toTimeString().slice(0, 8)
}

/** `45 s`, `12 min`, `3 h`, `2 d`. */
function spanText(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1_000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}
