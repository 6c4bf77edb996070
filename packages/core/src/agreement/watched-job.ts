import type { BackendView } from '../backend/backend-view.ts'
import type { ModelProblem } from '../backend/model-problem.ts'
import type { Sample } from '../canary/samples.ts'
import type { Classified } from '../classify/classification.ts'
import type { RouterBackends } from '../router/router-backends.ts'
import { jobKeysOf } from '../routing/jobs.ts'
import { shortenList } from '../shorten.ts'
import { compareAnswers } from './compare-answers.ts'
import { findDissent } from './find-dissent.ts'

/** A backend is in use for a job for this long after it has served one, in milliseconds. */
const IN_USE = 60 * 60_000
/** Time between two questions, in milliseconds. */
const INTERVAL = 24 * 60 * 60_000
/** The same while it disagrees: it may be fixed at any time. */
const DISSENT_INTERVAL = 10 * 60_000
/** For how long a backend at its limit is not asked, in milliseconds. Under steady load it would never be asked. */
const PATIENCE = 60_000

/** What is known of one backend. Times are on the router's clock, in milliseconds. */
interface Known {
  answer: Buffer | undefined
  /** When it was asked last. */
  asked: number
  /** Whether it has to be asked again before `INTERVAL` is over. */
  isStale: boolean
  isAsking: boolean
  /** When it had to be asked and could not be; `undefined` when that is not so. */
  dueSince: number | undefined
  dissents: boolean
  isExcluded: boolean
}

/** A kind of job, the backends that serve it, and their answers to the same question. */
export class WatchedJob {
  readonly classification: Classified
  /** The models, for messages. */
  readonly model: string
  readonly #jobs: readonly string[]
  /** By route, when each backend has served such a job last. */
  readonly #served = new Map<string, Map<string, number>>()
  readonly #known = new Map<string, Known>()
  /** What every backend is asked, from the first question on. */
  question: Promise<Sample> | undefined

  constructor(classification: Classified) {
    this.classification = classification
    this.model = shortenList(new Set(classification.entries.map(({ model }) => model)), ', ')
    this.#jobs = jobKeysOf(classification.entries).models
  }

  /** The routes on which it was served. */
  get routes(): readonly string[] {
    return [...this.#served.keys()]
  }

  /** Notes that a backend has served such a job. */
  served(route: string, backend: string, now: number): void {
    const served = this.#served.get(route) ?? new Map<string, number>()
    this.#served.set(route, served.set(backend, now))
  }

  /** Has every backend that fits asked again. */
  expire(fits: (id: string) => boolean): void {
    for (const [id, known] of this.#known) if (fits(id)) known.isStale = true
  }

  /** Forgets the backends that are on none of its routes any more. */
  prune(backends: Pick<RouterBackends, 'of'>): void {
    const ids = new Set<string>()
    for (const [route, served] of this.#served) {
      const members = backends.of(route).map(({ id }) => id)
      for (const id of members) ids.add(id)
      for (const id of [...served.keys()]) if (!members.includes(id)) served.delete(id)
      if (members.length === 0) this.#served.delete(route)
    }
    for (const id of [...this.#known.keys()]) if (!ids.has(id)) this.#known.delete(id)
  }

  /**
   * Which backends to ask now that one has served such a job, so that its model is loaded. An excluded backend serves none: it is
   * asked as well, or its exclusion would never end.
   */
  due(route: string, servedBy: string, members: readonly BackendView[], now: number): readonly BackendView[] {
    const served = this.#served.get(route)
    const inUse = members.filter(({ id }) => now - (served?.get(id) ?? Number.NEGATIVE_INFINITY) < IN_USE)
    const excluded = members.filter(({ id }) => this.#known.get(id)?.isExcluded === true)
    if (new Set([...inUse, ...excluded]).size < 2) return []
    return members.filter(
      (backend) =>
        (backend.id === servedBy || excluded.includes(backend)) && this.#isDue(this.#of(backend.id), now),
    )
  }

  #isDue(known: Known, now: number): boolean {
    const { answer, asked, isStale, isAsking, dissents, isExcluded } = known
    if (isAsking) return false
    if (answer === undefined || isStale) return true
    return now - asked >= (dissents && !isExcluded ? DISSENT_INTERVAL : INTERVAL)
  }

  /** @param ask Asks it; `undefined` when there was no answer. @returns Whether there was one. */
  async ask(
    id: string,
    now: number,
    ask: (whenFull: boolean) => Promise<Buffer | undefined>,
  ): Promise<boolean> {
    const known = this.#of(id)
    known.dueSince ??= now
    known.isAsking = true
    // What happens from here on makes the answer stale.
    const wasStale = known.isStale
    known.isStale = false
    try {
      const answer = await ask(now - known.dueSince >= PATIENCE)
      if (answer === undefined) {
        known.isStale ||= wasStale
        return false
      }
      known.answer = answer
      known.asked = now
      known.dueSince = undefined
      return true
    } finally {
      known.isAsking = false
    }
  }

  /**
   * The problems by the ids of backends, from the answers so far.
   *
   * @param exclude Whether backends that disagree get no such jobs.
   */
  problems(
    backends: Pick<RouterBackends, 'of'>,
    exclude: boolean,
  ): ReadonlyMap<string, readonly ModelProblem[]> {
    const found = this.routes.flatMap((route) => {
      const answers = backends.of(route).flatMap((backend) => {
        const answer = this.#known.get(backend.id)?.answer
        return answer === undefined ? [] : [[backend, answer] as const]
      })
      const compare = (first: Buffer, second: Buffer) =>
        compareAnswers(this.classification.entries, first, second)
      return findDissent(answers, compare).map(({ backend, standard, difference }) => {
        const reason = `${labelOf(standard)} and ${labelOf(backend)} disagree on ${this.model}: ${difference}`
        return [
          backend.id,
          { route, model: this.model, jobs: this.#jobs, reason, excluded: exclude },
        ] as const
      })
    })
    const byBackend = Map.groupBy(found, ([id]) => id)
    for (const [id, known] of this.#known) {
      known.dissents = byBackend.has(id)
      known.isExcluded = known.dissents && exclude
    }
    return new Map([...byBackend].map(([id, all]) => [id, all.map(([, problem]) => problem)]))
  }

  #of(id: string): Known {
    const known = this.#known.get(id) ?? {
      answer: undefined,
      asked: 0,
      isStale: false,
      isAsking: false,
      dueSince: undefined,
      dissents: false,
      isExcluded: false,
    }
    this.#known.set(id, known)
    return known
  }
}

/** The name of a backend, and its address when it is one of several. */
function labelOf({ name, endpoint }: Pick<BackendView, 'name' | 'endpoint'>): string {
  return endpoint === undefined ? name : `${name} (${endpoint})`
}
