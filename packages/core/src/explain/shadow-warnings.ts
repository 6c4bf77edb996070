import { isDeepStrictEqual } from 'node:util'
import type { Match, Pattern, Route } from '../config/policy.ts'
import { type ConfigProblem, problem } from '../config/problems.ts'
import { compileJob, compilePattern, partsOf } from '../routing/match.ts'
import { isExact, JOBS } from './job-words.ts'
import { listed } from './words.ts'

/** Warns of routes that get no requests, because earlier ones take all of them. */
export function shadowWarnings(routes: readonly Route[]): ConfigProblem[] {
  return routes.flatMap((route, index) => {
    const { match } = route
    if (typeof match !== 'object') return []
    const earlier = takers(match, routes.slice(0, index))
    if (earlier.length === 0) return []
    const by = listed(earlier.map((taker) => nameOf(taker, routes.indexOf(taker))))
    const verb = earlier.length === 1 ? 'takes' : 'take'
    return [
      problem(
        `routes[${index}]`,
        `gets no requests, because ${by} ${verb} all of them first; move it up, or remove it`,
      ),
    ]
  })
}

function nameOf({ name }: Route, index: number): string {
  return name === undefined ? `routes[${index}]` : `routes[${index}] (${name})`
}

/** The routes that take everything that a later match matches; empty if some request is left. */
function takers(match: Match, earlier: readonly Route[]): readonly Route[] {
  const one = earlier.find((route) => typeof route.match === 'object' && covers(route.match, match))
  if (one !== undefined) return [one]
  // Several routes together can take every job of Immich that the match is for.
  const { task, type, input } = match
  if (!isExact({ task, type })) return []
  const jobs = JOBS.filter(compileJob({ task, type, input }))
  const found = jobs.map((job) => earlier.find((route) => takesAll(route, job)))
  const all = [...new Set(found)].filter((route) => route !== undefined)
  return found.includes(undefined) ? [] : all
}

/** Whether a route takes every request with this job. */
function takesAll({ match }: Route, job: (typeof JOBS)[number]): boolean {
  if (typeof match !== 'object') return false
  const { task, type, input, ...narrower } = match
  return isEmpty(narrower) && compileJob({ task, type, input })(job)
}

/** Whether one match takes every request that another takes. Members that it does not know make it narrower. */
function covers(wide: Match, narrow: Match): boolean {
  // A match by header and path alone takes unclassified requests as well.
  if (partsOf(narrow).job === undefined && partsOf(wide).job !== undefined) return false
  const { task, type, model, input, ...others } = wide
  const { task: _task, type: _type, model: _model, input: _input, ...itsOthers } = narrow
  return (
    coversPattern(task, narrow.task) &&
    coversPattern(type, narrow.type) &&
    coversPattern(model, narrow.model) &&
    coversInput(input, narrow.input) &&
    (isEmpty(others) || isDeepStrictEqual(others, itsOthers))
  )
}

function coversPattern(wide: Pattern | undefined, narrow: Pattern | undefined): boolean {
  if (wide === undefined || [wide].flat().includes('*')) return true
  // A star of the narrow pattern is matched like a letter: only a star of the wide one can stand for it.
  return narrow !== undefined && [narrow].flat().every(compilePattern(wide))
}

function coversInput(wide: Match['input'], narrow: Match['input']): boolean {
  if (wide === undefined) return true
  return narrow !== undefined && [narrow].flat().every((input) => [wide].flat().includes(input))
}

function isEmpty(members: object): boolean {
  return Object.values(members).every((value) => value === undefined)
}
