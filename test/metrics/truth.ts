import { BODIES, HEARTBEAT } from './scene.ts'
import { ANSWER, HALF, LARGE_ANSWER, REFUSAL } from './scripted-ml.ts'

/** What happens in one round of the scene, as it was written. Times are in milliseconds. */
export interface Round {
  readonly requests: readonly Requests[]
  readonly attempts: readonly Attempts[]
  /** How long requests waited, by route. */
  readonly queued: Readonly<Record<string, readonly number[]>>
  readonly held: Readonly<Record<string, readonly number[]>>
  /** How long each backend had a request in flight, in milliseconds. */
  readonly busy: Readonly<Record<string, number>>
  readonly received: Readonly<Record<string, number>>
  readonly sent: Readonly<Record<string, number>>
  readonly heartbeats: Readonly<Record<string, number>>
  readonly retries: Readonly<Record<string, number>>
  readonly hedgesWon: Readonly<Record<string, number>>
  /** By backend. */
  readonly ejections: Readonly<Record<string, readonly [task: string, type: string, count: number]>>
}

interface Requests {
  /** Route, backend, task, input. */
  readonly of: readonly [route: string, backend: string, task: string, input: string]
  readonly outcome: string
  readonly count: number
  /** Of those that a backend has answered. */
  readonly times?: readonly number[]
  /** Where it is not the same. */
  readonly firstBytes?: readonly number[]
}

interface Attempts {
  readonly backend: string
  readonly outcome: string
  readonly count: number
  readonly connected: boolean
  /** Of those that were answered, by task and input. */
  readonly times?: readonly (readonly [task: string, input: string, ...times: number[]])[]
}

export const ROUTES = ['search', 'index', 'faces', 'ocr', 'cut', 'tag', 'gone', 'drained', 'rest']
export const BACKENDS = ['fast', 'spare', 'gpu', 'broken', 'dead', 'gone', 'drained', 'away']

/** Of those that have one. */
export const LIMITS: Readonly<Record<string, number>> = {
  fast: 4,
  gpu: 1,
  broken: 2,
  dead: 2,
  gone: 2,
  drained: 2,
  away: 2,
}
export const STATES = ['up', 'recovering', 'ejected', 'down', 'unresolved', 'drained']

const SEARCHES: readonly number[] = Array(20).fill(40)
const INTERNAL_ERROR = 'Internal Server Error'

/** @param held How long the OCR waited for its backend in this round. */
export function round(number: 1 | 2, held: number): Round {
  // After three failures in a row it is ejected, and by the next round tried again by one request.
  const dead = number === 1 ? 3 : 1
  return {
    requests: [
      { of: ['search', 'fast', 'clip', 'text'], outcome: 'answered', count: 20, times: SEARCHES },
      { of: ['search', 'spare', 'clip', 'text'], outcome: 'answered', count: 1, times: [300] },
      {
        of: ['index', 'gpu', 'clip', 'image'],
        outcome: 'answered',
        count: 3,
        times: [400, 500, 2_000],
        firstBytes: [400, 500, 200],
      },
      { of: ['index', 'gpu', 'clip', 'image'], outcome: 'client_left', count: 1 },
      {
        of: ['faces', 'fast', 'facial-recognition', 'image'],
        outcome: 'answered',
        count: 3,
        times: [50, 50, 50],
      },
      { of: ['rest', 'fast', 'several', 'image'], outcome: 'answered', count: 1, times: [40] },
      { of: ['rest', 'fast', 'other', 'image'], outcome: 'answered', count: 1, times: [40] },
      { of: ['rest', 'fast', 'unknown', 'none'], outcome: 'client_error', count: 1, times: [40] },
      { of: ['cut', 'spare', 'cut', 'image'], outcome: 'cut_off', count: 1 },
      { of: ['tag', 'broken', 'tag', 'image'], outcome: 'server_error', count: 3, times: [0, 0, 0] },
      { of: ['gone', 'gone', 'gone', 'image'], outcome: 'failed', count: 1 },
      { of: ['drained', 'none', 'drained', 'image'], outcome: 'unavailable', count: 1 },
      { of: ['none', 'none', 'unknown', 'none'], outcome: 'refused', count: 1 },
      { of: ['ocr', 'away', 'ocr', 'image'], outcome: 'answered', count: 1, times: [held] },
    ],
    attempts: [
      {
        backend: 'fast',
        outcome: 'answered',
        count: 26,
        connected: true,
        times: [
          ['clip', 'text', ...SEARCHES],
          ['facial-recognition', 'image', 50, 50, 50],
          ['several', 'image', 40],
          ['other', 'image', 40],
          ['unknown', 'none', 40],
        ],
      },
      { backend: 'fast', outcome: 'superseded', count: 1, connected: true },
      {
        backend: 'spare',
        outcome: 'answered',
        count: 1,
        connected: true,
        times: [['clip', 'text', 100]],
      },
      { backend: 'spare', outcome: 'reset', count: 1, connected: true },
      {
        backend: 'gpu',
        outcome: 'answered',
        count: 3,
        connected: true,
        times: [['clip', 'image', 400, 100, 2_000]],
      },
      { backend: 'gpu', outcome: 'client_left', count: 1, connected: true },
      { backend: 'dead', outcome: 'connect', count: dead, connected: false },
      { backend: 'gone', outcome: 'connect', count: 1, connected: false },
      {
        backend: 'broken',
        outcome: 'answered',
        count: 3,
        connected: true,
        times: [['tag', 'image', 0, 0, 0]],
      },
      { backend: 'away', outcome: 'answered', count: 1, connected: true, times: [['ocr', 'image', 0]] },
    ],
    // One request at a time; the hedged search was 300 ms on fast.
    busy: { fast: 20 * 40 + 300 + 3 * 50 + 3 * 40, spare: 100, gpu: 400 + 100 + 2_000 },
    queued: { index: [400] },
    held: { ocr: [held] },
    received: {
      search: 21 * BODIES.search.length,
      index: 4 * BODIES.image.length,
      faces: 3 * BODIES.faces.length,
      ocr: BODIES.ocr.length,
      cut: BODIES.named('cut').length,
      tag: 3 * BODIES.named('tag').length,
      gone: BODIES.named('gone').length,
      drained: BODIES.named('drained').length,
      rest: BODIES.several.length + BODIES.invented.length + BODIES.nonsense.length,
    },
    sent: {
      search: 21 * ANSWER.length,
      index: 2 * ANSWER.length + LARGE_ANSWER.length,
      faces: 3 * ANSWER.length,
      ocr: ANSWER.length,
      cut: HALF.length,
      tag: 3 * INTERNAL_ERROR.length,
      rest: 2 * ANSWER.length + REFUSAL.length,
    },
    heartbeats: { ocr: 1 + Math.floor((held - HEARTBEAT.after) / HEARTBEAT.every) },
    retries: { faces: dead },
    hedgesWon: { search: 1 },
    ejections: { dead: ['all', 'all', 1], broken: ['tag', 'visual', 1] },
  }
}

/** The current run. */
export interface RunTruth {
  readonly jobs: number
  readonly failures: number
  /** Since its start, in milliseconds. */
  readonly time: number
}

/** Bulk jobs of one round, as the scene sends them: all but the searches. */
export const BULK_JOBS = 18
/** Those without a good answer: unclassified, cut off, left, three errors, gone, drained, and too large. */
export const BULK_FAILURES = 9

/** What there is at one time; what is not named is 0, and up. */
export interface Present {
  readonly active: number
  readonly queued: Readonly<Record<string, number>>
  readonly held: Readonly<Record<string, number>>
  readonly inFlight: Readonly<Record<string, number>>
  readonly ejectedTasks: Readonly<Record<string, number>>
  readonly states: Readonly<Record<string, string>>
  readonly memory: number
  readonly disk: number
  readonly files: number
}

/** Between requests. */
export const IDLE: Present = {
  active: 0,
  queued: {},
  held: {},
  inFlight: {},
  ejectedTasks: { broken: 1 },
  states: { dead: 'ejected', away: 'down', drained: 'drained' },
  memory: 0,
  disk: 0,
  files: 0,
}

/** While the scene is paused. */
export const PAUSED: Present = {
  ...IDLE,
  active: 4,
  queued: { index: 2 },
  held: { ocr: 1 },
  inFlight: { gpu: 1 },
  memory: 3 * BODIES.image.length,
  disk: BODIES.ocr.length,
  files: 1,
}
