import { type Cell, type Paint, table } from '../table.ts'
import { printable, timeText } from '../text.ts'
import { type Finding, hasLoadedModel, type JobResult, resultOf } from './finding.ts'
import { IMMICH_JOBS } from './immich-jobs.ts'

/** The findings as a table: a line for each backend, a column for each job. */
export function probeTable(findings: ReadonlyMap<string, Finding>, paint: Paint): string[] {
  const rows = [...findings].map(([name, finding]): Cell[] => [
    name,
    finding.kind === 'answers'
      ? timeText(finding.ping)
      : { text: finding.cause === 'unreachable' ? 'unreachable' : 'unusable', style: 'red' },
    ...IMMICH_JOBS.map((job) => cellOf(finding.kind === 'answers' ? resultOf(finding, job) : null)),
  ])
  return table(['backend', 'ping', ...IMMICH_JOBS.map(({ name }) => name)], rows, paint)
}

/** @param result `null` if the backend cannot be used, `undefined` if its configuration excludes the task. */
function cellOf(result: JobResult | undefined | null): Cell {
  switch (result?.kind) {
    case 'works':
      return { text: timeText(result.time), style: 'green' }
    case 'lacks':
      return { text: 'lacks it', style: 'yellow' }
    case 'fails':
      return { text: 'fails', style: 'red' }
    case 'busy':
      return { text: 'busy', style: 'yellow' }
    case 'late':
      return { text: 'no answer', style: 'red' }
    default:
      return result === null ? '' : 'not in tasks'
  }
}

/** Sentences about models that were loaded for the first request. */
export function loadingNotes(findings: ReadonlyMap<string, Finding>): string[] {
  return [...findings].flatMap(([name, finding]) => {
    if (finding.kind !== 'answers') return []
    const loaded = finding.jobs.flatMap(({ job, result }) =>
      result.kind === 'works' && hasLoadedModel(result) ? [`${job.name} ${timeText(result.first)}`] : [],
    )
    return loaded.length === 0 ? [] : [`${name}: the first request loaded a model: ${loaded.join(', ')}`]
  })
}

/** A list with a title; nothing if it is empty. */
export function titled(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${printable(line)}`)]
}
