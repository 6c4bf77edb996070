import type { ArchiveRecord } from './archive.ts'
import { defaults } from './defaults.ts'
import { MOST_NAMES } from './works.ts'

const FORMAT = 'immich-ml-router history'
/** Another version is not read: a day of history is not worth a migration. */
const VERSION = 1

/** The content of the history file. */
export function encodeHistory(record: ArchiveRecord): string {
  return JSON.stringify({ format: FORMAT, version: VERSION, ...record })
}

/** @throws {Error} that says what is wrong with the content. */
export function decodeHistory(text: string): ArchiveRecord {
  const data: unknown = parse(text)
  if (!isObject(data) || Reflect.get(data, 'format') !== FORMAT)
    throw new Error('it is not a history of immich-ml-router')
  const version: unknown = Reflect.get(data, 'version')
  if (version !== VERSION) throw new Error(`it has version ${String(version)}, not ${VERSION}`)
  if (!isArchive(data)) throw new Error('it has unexpected content')
  const { runs, day, events } = data
  return { runs, day, events }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error('it is damaged or incomplete', { cause: error })
  }
}

/** The file may be anybody's, so nothing in it is trusted. */
type Check = (value: unknown) => boolean

/** Characters of a text: a reason is the longest. */
const LONGEST = 600

const isNumber: Check = (value) => typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
const isShare: Check = (value) => value === undefined || (isNumber(value) && Number(value) <= 1)
const isText: Check = (value) => typeof value === 'string' && value.length <= LONGEST
const isOptionalText: Check = (value) => value === undefined || isText(value)
const isOneOf =
  (names: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && names.includes(value)
const listOf =
  (check: Check, most: number): Check =>
  (value) =>
    Array.isArray(value) && value.length <= most && value.every(check)
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(checks).every(([name, check]) => check(Reflect.get(value, name)))
const recordOf =
  (isName: Check, check: Check): Check =>
  (value) => {
    if (!isObject(value)) return false
    const entries = Object.entries(value)
    return entries.length <= MOST_NAMES && entries.every(([name, each]) => isName(name) && check(each))
  }

const isJobKind = isOneOf(['search', 'indexing', 'faces', 'ocr', 'other'])
const isFate = isOneOf(['answered', 'rescued', 'failed', 'refused', 'left'])
const isEventKind = isOneOf([
  ...['started', 'reloaded', 'down', 'up', 'woken'],
  ...['ejected', 'recovered', 'drained', 'enabled'],
])

const isRun = fields({
  start: isNumber,
  last: isNumber,
  jobs: isNumber,
  failures: isNumber,
  kinds: recordOf(isJobKind, isNumber),
  backends: recordOf(isText, fields({ jobs: isNumber, busy: isNumber })),
})
const isBucket = fields({
  at: isNumber,
  fates: recordOf(isFate, isNumber),
  latencies: recordOf(isJobKind, fields({ count: isNumber, p95: isNumber })),
  backends: recordOf(isText, fields({ jobs: isNumber, busy: isShare })),
})
const isEvent = fields({
  at: isNumber,
  kind: isEventKind,
  backend: isOptionalText,
  endpoint: isOptionalText,
  task: isOptionalText,
  reason: isOptionalText,
})
const hasLists = fields({
  runs: listOf(isRun, defaults.runs + 1),
  day: listOf(isBucket, defaults.day / defaults.bucket),
  events: listOf(isEvent, defaults.events),
})

function isArchive(value: unknown): value is ArchiveRecord {
  return hasLists(value)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
