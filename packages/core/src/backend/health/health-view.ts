import type { JobKeys } from '../job-keys.ts'
import type { BreakerState } from './breaker.ts'
import type { Capabilities } from './capabilities.ts'
import type { ProbeState } from './checker.ts'

/** Why a request cannot go to a backend now, and when that may change by itself. */
export interface Obstacle {
  readonly kind:
    | 'full'
    | 'recovering'
    /** Its name is being resolved for the first time. */
    | 'resolving'
    | 'busy'
    | 'ejected'
    | 'down'
    | 'lacks'
    /** Its name has no address. */
    | 'unresolved'
    | 'disabled'
  /** On the clock; `Infinity` when only an event can change it. */
  readonly until: number
  /** It is drained for a restart, and gets requests again after it. */
  readonly restarts?: true
}

/** What the outcomes of requests say about a backend. Times are on the clock, in milliseconds. */
export interface PassiveHealth {
  /** Of the backend as a whole: whether it can be reached, and answers as an ML server does. */
  readonly reachable: BreakerState
  /** Of the tasks and types that fail there, such as `clip/visual`; one that is not named is healthy. */
  readonly tasks: Readonly<Record<string, BreakerState>>
  /** Tasks, types and models that it has said it does not have, such as `ocr/detection`, and until when that is believed. */
  readonly lacks: Readonly<Record<string, number>>
  /** Bytes of a body that a proxy in front of it has refused as too large; `undefined` when none was. */
  readonly sizeLimit: number | undefined
  /** Until when it is throttled, after a 429, on the clock; 0 when it is not. */
  readonly busyUntil: number
  readonly lastError: LastError | undefined
  /** Requests that have failed there, of all time. */
  readonly failures: number
  /** How often it, or a task on it, was ejected, of all time. */
  readonly ejections: number
}

/** The last failure of a request there. */
export interface LastError {
  readonly time: number
  readonly reason: string
}

/** A backend's health. */
export interface BackendHealth extends PassiveHealth {
  /** `false` once it was drained, until it is enabled again. */
  readonly enabled: boolean
  /** What the probes say; `undefined` where none are sent. */
  readonly probe: ProbeState | undefined
}

/** What has changed about a backend as its requests see it. */
export type PassiveChange =
  | {
      /** It, or a task and type on it, was ejected, is tried again, recovers, or is back. */
      readonly kind: 'breaker'
      /** Such as `clip/visual`; `undefined` when it is the backend as a whole. */
      readonly task: string | undefined
      readonly from: BreakerState
      readonly to: BreakerState
    }
  | {
      /** It has refused a task and type, a model, or a size: `ocr/detection`, `clip/textual/ViT-B-32__openai`, `bodies of …`. */
      readonly kind: 'lacks'
      readonly task: string
      readonly until: number
    }
  | {
      /** Throttled: it answered 429. */
      readonly kind: 'busy'
      readonly until: number
    }

/** A change of a backend's health. */
export type HealthChange =
  | PassiveChange
  | { readonly kind: 'probe'; readonly from: ProbeState; readonly to: ProbeState }
  | { readonly kind: 'enabled'; readonly enabled: boolean }

/** Why a backend's name has no address. */
export interface MissingAddress {
  /** `resolving` until the first look-up has failed. */
  readonly kind: 'resolving' | 'unresolved'
  readonly words: string
}

/** What others see of a backend's health. */
export interface HealthView {
  readonly status: BackendHealth
  /** Why its name has no address, in words; `undefined` when it has one. */
  readonly unresolved: string | undefined
  /** Whether the machine itself seems to be unreachable. */
  readonly isDown: boolean
  /** Requests that have failed there, of all time. */
  readonly failures: number
  /** What it can do. */
  readonly capabilities: Pick<Capabilities, 'sizeLimit' | 'hasServed' | 'refuses'>
  /**
   * Why no such request can be sent now; `undefined` when one can.
   *
   * @param urgent Whether it may have the slots that are reserved.
   */
  obstacle(job: JobKeys, urgent?: boolean): Obstacle | undefined
  /** Whether such requests are sent one at a time: the backend, or their task there, was ejected and is not back yet. */
  isRare(job: JobKeys): boolean
  /** Whether no request failed there in the last `time` milliseconds, and it is not throttled. */
  wellFor(time: number): boolean
  /** Whether a request or a probe that began after this time, on the clock, could not reach it. */
  triedInVainSince(time: number): boolean
}
