import type { GroupChange } from '../../packages/core/src/backend/group-change.ts'
import type { BreakerState } from '../../packages/core/src/backend/health/breaker.ts'
import type { Message } from '../../packages/core/src/logging/lines.ts'

const closed: BreakerState = { kind: 'closed', failures: 0 }
const open: BreakerState = { kind: 'open', since: 0, until: 5_000, ejections: 2, reason: 'connect' }
const trial: BreakerState = { kind: 'trial', since: 0, ejections: 1, reason: 'connect' }
const recovering: BreakerState = { kind: 'recovering', since: 0, limit: 1, failures: 0, ejections: 1 }
const up = { kind: 'up', since: 0, failures: 0 } as const
const down = { kind: 'down', since: 0, reason: 'timeout', successes: 0 } as const
const refused = new Error('EACCES')

const MODEL_PROBLEM = {
  route: 'all',
  model: 'a',
  jobs: ['clip/visual/a'],
  reason: 'gpu and hailo disagree',
  excluded: true,
}

interface Change {
  readonly change: GroupChange
  readonly message: Message
  readonly fields?: object
}

/** Every kind of change of a backend, and its line in the log. */
export const changes: readonly Change[] = [
  {
    change: { kind: 'breaker', task: 'ocr', from: closed, to: open },
    message: 'backend ejected',
    fields: { task: 'ocr', reason: 'connect', ejections: 2 },
  },
  { change: { kind: 'breaker', task: undefined, from: open, to: trial }, message: 'backend on trial' },
  {
    change: { kind: 'breaker', task: undefined, from: trial, to: recovering },
    message: 'backend recovering',
  },
  {
    change: { kind: 'breaker', task: undefined, from: recovering, to: closed },
    message: 'backend recovered',
  },
  {
    change: { kind: 'probe', from: up, to: down },
    message: 'backend down',
    fields: { reason: 'timeout' },
  },
  { change: { kind: 'probe', from: down, to: up }, message: 'backend up' },
  {
    change: { kind: 'lacks', task: 'ocr', until: 1 },
    message: 'backend does not support this task',
    fields: { task: 'ocr' },
  },
  { change: { kind: 'busy', until: 1 }, message: 'backend throttled' },
  {
    change: { kind: 'canary', job: 'clip/visual/a', purpose: 'failure', result: { kind: 'passed' }, time: 1 },
    message: 'backend passed canary',
    fields: { job: 'clip/visual/a' },
  },
  {
    change: {
      kind: 'canary',
      purpose: 'question',
      job: 'clip/visual/a',
      result: { kind: 'failed', scope: 'type', reason: 'answered 500' },
      time: 1,
    },
    message: 'backend failed canary',
    fields: { job: 'clip/visual/a', reason: 'answered 500' },
  },
  {
    change: { kind: 'model-problem', problem: MODEL_PROBLEM, fixed: false },
    message: 'backend has a model problem',
    fields: { route: 'all', reason: 'gpu and hailo disagree; excluded' },
  },
  {
    change: { kind: 'model-problem', problem: MODEL_PROBLEM, fixed: true },
    message: 'backend model problem fixed',
    fields: { route: 'all', reason: 'gpu and hailo disagree' },
  },
  { change: { kind: 'enabled', enabled: true }, message: 'backend enabled' },
  { change: { kind: 'enabled', enabled: false }, message: 'backend draining' },
  { change: { kind: 'wanted', error: undefined }, message: 'backend needed while down' },
  {
    change: { kind: 'wanted', error: refused },
    message: 'backend wake-up failed',
    fields: { error: 'EACCES' },
  },
  {
    change: { kind: 'warmed', jobs: ['clip/visual/a'], time: 812.34, reason: undefined },
    message: 'backend models loaded',
    fields: { jobs: ['clip/visual/a'], loadedIn: 812.3 },
  },
  {
    change: { kind: 'warmed', jobs: ['clip/visual/a'], time: 812.34, reason: 'no answer in 120000 ms' },
    message: 'backend models not loaded',
    fields: { jobs: ['clip/visual/a'], loadedIn: 812.3, reason: 'no answer in 120000 ms' },
  },
  { change: { kind: 'suspended', error: undefined }, message: 'backend suspended' },
  {
    change: { kind: 'suspended', error: refused },
    message: 'backend suspend failed',
    fields: { error: 'EACCES' },
  },
  { change: { kind: 'recycled', error: undefined }, message: 'backend recycled' },
  {
    change: { kind: 'recycled', error: refused },
    message: 'backend recycle failed',
    fields: { error: 'EACCES' },
  },
  {
    change: { kind: 'resolved', endpoints: ['a', 'b'], added: ['b'], removed: ['c'] },
    message: 'backend addresses changed',
    fields: { endpoints: ['a', 'b'], added: ['b'], removed: ['c'] },
  },
  {
    change: { kind: 'unresolved', error: refused },
    message: 'backend name resolution failed',
    fields: { error: 'EACCES' },
  },
  {
    change: { kind: 'added', url: 'http://gpu' },
    message: 'backend added',
    fields: { upstream: 'http://gpu' },
  },
  {
    change: { kind: 'removed', url: 'http://gpu' },
    message: 'backend removed',
    fields: { upstream: 'http://gpu' },
  },
]
