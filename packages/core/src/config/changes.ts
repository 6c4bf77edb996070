import { isDeepStrictEqual } from 'node:util'
import type { Policy, Route } from './policy.ts'

/** Differences, by name. */
export interface Changes {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Their options differ. */
  readonly changed: readonly string[]
}

/** What a reload has changed. */
export interface PolicyChanges {
  readonly backends: Changes & {
    /** Other servers have their names, or they are resolved in another way. */
    readonly replaced: readonly string[]
  }
  readonly routes: Changes & {
    /** Whether the remaining routes have another order. */
    readonly reordered: boolean
  }
  /** Names of the other options that differ, such as `maxBodySize`. */
  readonly options: readonly string[]
}

/** A policy as it was written, in a copy that nothing changes, with the names of its routes. */
export interface WrittenPolicy extends Policy {
  readonly routes: readonly (Route & { readonly name: string })[]
}

/**
 * What differs between two policies.
 *
 * @param replaced Names of backends that are other servers now.
 */
export function diff(
  before: WrittenPolicy,
  after: WrittenPolicy,
  replaced: readonly string[],
): PolicyChanges {
  const { backends, routes, ...options } = before
  const { backends: newBackends, routes: newRoutes, ...newOptions } = after
  const ofBackends = changesBetween(new Map(Object.entries(backends)), new Map(Object.entries(newBackends)))
  const [names, newNames] = [namesOf(routes), namesOf(newRoutes)]
  const stayed = names.filter((name) => newNames.includes(name))
  return {
    backends: {
      ...ofBackends,
      changed: ofBackends.changed.filter((name) => !replaced.includes(name)),
      replaced: [...replaced],
    },
    routes: {
      ...changesBetween(byName(routes), byName(newRoutes)),
      reordered: !isDeepStrictEqual(
        stayed,
        newNames.filter((name) => names.includes(name)),
      ),
    },
    options: diffOptions(options, newOptions),
  }
}

/** The names of the options that differ. */
export function diffOptions(before: object, after: object): string[] {
  const { added, removed, changed } = changesBetween(written(before), written(after))
  return [...added, ...removed, ...changed].sort()
}

function changesBetween(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): Changes {
  const [names, newNames] = [[...before.keys()], [...after.keys()]]
  return {
    added: newNames.filter((name) => !before.has(name)),
    removed: names.filter((name) => !after.has(name)),
    changed: names.filter((name) => after.has(name) && !isDeepStrictEqual(before.get(name), after.get(name))),
  }
}

/** An option that is `undefined` is not set. */
function written(options: object): Map<string, unknown> {
  return new Map(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** Two routes may have one name. */
function byName(routes: WrittenPolicy['routes']): Map<string, unknown> {
  return Map.groupBy(routes, ({ name }) => name)
}

function namesOf(routes: WrittenPolicy['routes']): string[] {
  return [...new Set(routes.map(({ name }) => name))]
}
