import type { Finding, JobResult } from '../probe/finding.ts'
import type { ImmichJob } from '../probe/immich-jobs.ts'
import { printable, timeText } from '../text.ts'
import { commandText, type Place } from './next-steps.ts'
import type { Plan, PlannedBackend, PlannedRoute } from './plan.ts'

const DOCS = 'https://github.com/immich-ml-router/immich-ml-router/blob/main/docs'
/** Characters of a comment line. */
const WIDTH = 100

/**
 * Writes a plan as a commented configuration.
 *
 * @param place The name of the file and the command, for the comments.
 * @param date The day on which the servers were asked, such as `2026-12-01`.
 */
export function routerYaml(
  plan: Plan,
  place: Pick<Place, 'file' | 'command' | 'otherPort'>,
  date: string,
): string {
  const run = commandText(place)
  const { backends, routes, missing } = plan
  const used = backends.filter(({ state }) => state !== 'left-out')
  const leftOut = backends.filter(({ state }) => state === 'left-out')
  const lines = [
    ...comment(
      `Configuration of immich-ml-router, written by "immich-ml-router init" on ${date}. The gateway reloads this file when it changes.`,
    ),
    `# Check it:    ${run} check ${place.file} --probe`,
    `# Run it:      ${run} ${place.file}`,
    `# All options: ${DOCS}/reference.md`,
    '',
    'backends:',
    ...used.flatMap((backend) => indented(usedLines(backend))),
    ...leftOut.flatMap((backend) => indented(leftOutLines(backend, routes.length > 0))),
    ...missing.flatMap((job) => [
      '',
      ...comment(
        `No backend can do ${job.name}. Add one that can, or turn it off in Immich (Administration > Settings > Machine Learning).`,
      ),
    ]),
    '',
    ...(routes.length === 0
      ? withoutRoutes(used)
      : ['routes:', ...routes.flatMap((it) => indented(routeLines(it)))]),
  ]
  return `${lines.join('\n')}\n`
}

function withoutRoutes(used: readonly PlannedBackend[]): string[] {
  return used.length === 1
    ? comment(
        'With one backend, no routes are needed: every request goes there, and searches are served first.',
      )
    : comment(
        'No routes are needed: every backend can take every job. A request goes to the backend that is expected to answer first, by its measured latency and its load, and searches are served before images.',
      )
}

function usedLines({ target, finding, state }: PlannedBackend): string[] {
  const { name, url, sleeps, mac } = target
  const when =
    state === 'asleep'
      ? 'Its machine sleeps, and did not answer: what it can do is not known.'
      : found(finding)
  return [
    ...comment(sleeps && state !== 'asleep' ? `${when} Its machine sleeps at times.` : when),
    ...credentialsLines(url),
    `${scalar(name)}:`,
    `  url: ${scalar(url)}`,
    ...(mac === undefined
      ? sleeps
        ? ['  # wake: { mac: "aa:bb:cc:dd:ee:ff" } # switches the machine on by Wake-on-LAN']
        : []
      : [`  wake: { mac: "${mac}" } # switches the machine on by Wake-on-LAN while requests wait for it`]),
  ]
}

function leftOutLines({ target, finding }: PlannedBackend, hasRoutes: boolean): string[] {
  const { name, url } = target
  const reason = finding.kind === 'unusable' ? finding.reason : found(finding)
  return [
    ...comment(
      `Left out: ${reason}. Once that is corrected, remove the "#" below${hasRoutes ? `, and add ${name} to the routes` : ''}.`,
    ),
    `# ${scalar(name)}:`,
    `#   url: ${scalar(url)}`,
  ]
}

function credentialsLines(url: string): string[] {
  const { username, password } = new URL(url)
  return username === '' && password === ''
    ? []
    : comment('The URL has a password: keep this file private, or use "auth" with a password from a file.')
}

/** `Measured: text search 12 ms, image indexing 40 ms. Cannot do: OCR (answered 501 Not Implemented).` */
function found(finding: Finding): string {
  if (finding.kind === 'unusable') return finding.reason
  const times: string[] = []
  const others: string[] = []
  for (const { job, result } of finding.jobs) {
    if (result.kind === 'works') times.push(`${job.name} ${timeText(result.time)}`)
    else others.push(otherText(job, result))
  }
  const measured = times.length === 0 ? '' : `Measured: ${times.join(', ')}.`
  return [measured, ...others].filter((text) => text !== '').join(' ')
}

function otherText({ name }: ImmichJob, result: Exclude<JobResult, { kind: 'works' }>): string {
  const what = {
    lacks: 'Does not have',
    fails: 'Fails at',
    busy: 'Was busy at',
    late: 'Did not answer',
  } as const
  return `${what[result.kind]} ${name} (${printable(result.reason)}).`
}

const WORDS: Readonly<Record<ImmichJob['id'], string>> = {
  search: '{ task: clip, type: textual }',
  indexing: '{ task: clip, type: visual }',
  faces: '{ task: facial-recognition }',
  ocr: '{ task: ocr }',
}

function routeLines({ jobs, isLast, backends, holds }: PlannedRoute): string[] {
  const [job] = jobs
  const isSearch = !isLast && job?.id === 'search'
  const match = isLast || job === undefined ? [] : [`match: ${WORDS[job.id]}`]
  const body = [
    ...match,
    `backends: [${backends.map(scalar).join(', ')}]`,
    ...(isSearch && backends.length > 1
      ? ['strategy: first # in this order; the next only if the one before is unavailable']
      : []),
    ...(holds && !isSearch
      ? ['hold: { bulk: 12h } # how long requests wait for the machine; 12h is the default']
      : []),
  ]
  return [
    ...comment(routeComment({ jobs, isLast, backends, holds })),
    ...body.map((line, index) => `${index === 0 ? '- ' : '  '}${line}`),
  ]
}

function routeComment({ jobs, isLast, backends, holds }: PlannedRoute): string {
  const [job] = jobs
  const names = jobs.map(({ name }) => name).join(', ')
  if (!isLast && job?.id === 'search')
    return holds
      ? 'Text search: the most urgent job.'
      : 'Text search: the most urgent job, so it goes first to the backends that are always on.'
  const what = isLast ? `Everything else: ${names}.` : `${names[0]?.toUpperCase()}${names.slice(1)}.`
  if (holds) return `${what} Requests wait while the machine sleeps.`
  return backends.length > 1
    ? `${what} Each request goes to the backend that is expected to answer first.`
    : what
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}

/** Comment lines of at most {@link WIDTH} characters. */
function comment(text: string): string[] {
  const lines: string[] = []
  let line = '#'
  for (const word of printable(text).split(' ')) {
    if (line.length + word.length >= WIDTH && line !== '#') {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return [...lines, line]
}

/** A plain or quoted YAML string. `${` would be read as a variable. */
function scalar(text: string): string {
  const escaped = text.replaceAll('${', () => '$${')
  const isPlain = /^[a-z][\w./:@%~+-]*$/i.test(escaped) && !NOT_PLAIN.test(escaped)
  return isPlain ? escaped : JSON.stringify(escaped)
}

/** Words that some YAML parser reads as something else than text. */
const NOT_PLAIN = /^(?:null|true|false|yes|no|on|off|y|n)$/i
