import type { Fault } from '@immich-ml-router/core/testing'

export type BackendName = 'gpu' | 'nas'

/** A fault during which no valid job may fail, for `bench:queue` and the end-to-end tests. */
export interface FaultRow {
  readonly name: string
  readonly label: string
  /** The faults, by backend. */
  readonly faults?: Readonly<Partial<Record<BackendName, Fault>>>
  /** Duration of the faults in seconds; a row takes 20 s. Default: until the end of the row. */
  readonly lasts?: number
  /** The faults are on and off for this many seconds in turn. */
  readonly period?: number
  /** The backends that serve images and searches during the fault. Default: both. */
  readonly images?: readonly BackendName[]
  readonly searches?: readonly BackendName[]
  /** Share of images that no backend can decode, from 0 to 1. */
  readonly undecodable?: number
  /** The gateway gets SIGTERM and starts again. */
  readonly restart?: boolean
}

const IMAGE_TYPES = [
  'clip/visual',
  'facial-recognition/detection',
  'facial-recognition/recognition',
  'ocr/detection',
  'ocr/recognition',
]

/** Only the NAS serves requests during the fault. */
function gpuFails(name: string, label: string, gpu: Fault, more: Partial<FaultRow> = {}): FaultRow {
  return { name, label, faults: { gpu }, images: ['nas'], searches: ['nas'], ...more }
}

/** No backend serves requests during the fault. */
function bothFail(name: string, label: string, fault: Fault, lasts: number): FaultRow {
  return { name, label, faults: { gpu: fault, nas: fault }, lasts, images: [], searches: [] }
}

export const FAULT_ROWS: readonly FaultRow[] = [
  { name: 'baseline', label: 'no fault' },
  ...[401, 404, 409, 530].map((status) =>
    gpuFails(String(status), `GPU answers ${status}`, { kind: 'status', status }),
  ),
  gpuFails('login', 'GPU answers a login page with 200', { kind: 'login-page' }),
  gpuFails('redirect', 'GPU answers 302 to a login page', { kind: 'redirect' }),
  gpuFails('empty', 'GPU answers `200 {}`', { kind: 'json', value: {} }),
  gpuFails('error-inside', 'GPU answers `200 {"clip":{"error":"missing image"}}`', {
    kind: 'json',
    value: { clip: { error: 'missing image' } },
  }),
  bothFail('both-401', 'both answer 401 for 6 s', { kind: 'status', status: 401 }, 6),
  bothFail('both-down', 'both down for 8 s', 'refuse', 8),
  gpuFails(
    'images-501',
    'GPU refuses images with 501, serves searches',
    { kind: 'lacks', types: IMAGE_TYPES },
    { searches: ['gpu', 'nas'] },
  ),
  gpuFails('flapping', 'GPU down every other 2 s', 'refuse', { period: 2 }),
  gpuFails('tunnel', 'GPU’s tunnel answers 530, `/ping` too', {
    kind: 'status',
    status: 530,
    everywhere: true,
  }),
  gpuFails('cut', 'GPU killed in mid-answer', 'half-response'),
  gpuFails('broken', 'GPU answers 500 to everything', 'error'),
  bothFail('both-broken', 'both answer 500 for 6 s', 'error', 6),
  gpuFails('freeze', 'GPU freezes: accepts connections, answers nothing', 'freeze'),
  {
    name: 'memory-1',
    label: 'GPU has memory for one request',
    faults: { gpu: { kind: 'memory', requests: 1 } },
  },
  { name: 'memory-3', label: 'GPU has memory for three', faults: { gpu: { kind: 'memory', requests: 3 } } },
  { name: 'undecodable', label: '3 % undecodable images', undecodable: 0.03 },
  { name: 'restart', label: 'gateway restarts', restart: true },
]
