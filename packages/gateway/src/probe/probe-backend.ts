import { fixedQuestion } from '@immich-ml-router/core/agreement'
import type { BackendAnswer, BackendClient, Clock } from '@immich-ml-router/core/parts'
import { systemClock } from '@immich-ml-router/core/parts'
import { failureText } from './failure.ts'
import type { Finding, JobFinding, JobResult } from './finding.ts'
import { IMMICH_JOBS, type ImmichJob } from './immich-jobs.ts'
import { isGateway, redirectFault } from './wrong-server.ts'

/** How a backend is asked. */
export interface ProbeOptions {
  /** Default: the system clock. */
  readonly clock?: Clock
  /** The jobs to ask for. Default: all that Immich sends. */
  readonly jobs?: readonly ImmichJob[]
  /** Called when the next question begins, such as `ping` or `faces`. */
  readonly onStep?: (step: string) => void
}

/** Time for a backend, in milliseconds. */
export const PROBE_TIME = 60_000
/** Time for the answer to `/ping`, in milliseconds: a worker of the ML server that starts again takes several seconds. */
const PING_TIME = 10_000
/** After this time in milliseconds without an answer, the next job is asked for as well. */
const PATIENCE = 10_000

/** Asks a backend what it can do and how fast. Never rejects; takes at most {@link PROBE_TIME}. */
export async function probeBackend(client: BackendClient, options: ProbeOptions = {}): Promise<Finding> {
  const { clock = systemClock, jobs = IMMICH_JOBS, onStep = () => {} } = options
  const deadline = new Deadline(clock, PROBE_TIME)
  try {
    onStep('ping')
    const ping = await pingOf(client, clock)
    if (typeof ping !== 'number') return ping
    if (await hasStatusPage(client, clock)) return gatewayFault(client)
    return await jobsOf({ client, clock, deadline, ping }, jobs, onStep)
  } finally {
    deadline.end()
  }
}

/** Aborts its signal after a time. */
class Deadline {
  readonly #abort = new AbortController()
  readonly end: () => void

  constructor(clock: Clock, time: number) {
    this.end = clock.after(time, () => this.#abort.abort())
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }
}

function optionOf({ name }: BackendClient): string {
  return `backends.${name}.url`
}

function unreachable(reason: string): Finding {
  return { kind: 'unusable', cause: 'unreachable', reason }
}

function wrong(reason: string): Finding {
  return { kind: 'unusable', cause: 'wrong', reason }
}

/** A page instead of an answer may be a login page. */
function withLogin({ name }: BackendClient, reason: string): string {
  return reason.includes('a login page')
    ? `${reason}; if it is a login page, set backends.${name}.auth`
    : reason
}

function gatewayFault(client: BackendClient): Finding {
  return wrong(
    `is a gateway of immich-ml-router, not an ML server, so requests may go in a circle: set ${optionOf(client)} to the URL of the ML server itself`,
  )
}

/** The time of a good answer to the health probe, or what is wrong. The first one may pay for the connection. */
async function pingOf(client: BackendClient, clock: Clock): Promise<number | Finding> {
  const first = await pingOnce(client, clock)
  if (typeof first !== 'number') return first
  const second = await pingOnce(client, clock)
  return typeof second === 'number' ? Math.min(first, second) : first
}

async function pingOnce(client: BackendClient, clock: Clock): Promise<number | Finding> {
  const { probePath = '/ping' } = client
  const deadline = new Deadline(clock, PING_TIME)
  const start = clock.now()
  let answer: BackendAnswer
  try {
    answer = await client.get(probePath, deadline.signal)
  } catch (error) {
    if (!deadline.signal.aborted) return unreachable(failureText(error, optionOf(client)))
    return unreachable(
      `accepts connections, but ${probePath} has no answer within ${PING_TIME / 1_000} s: the ML server is frozen or still starting; wait, or restart it`,
    )
  } finally {
    deadline.end()
  }
  const redirected = redirectFault(client, answer, probePath)
  if (redirected !== undefined) return wrong(redirected)
  const problem = client.probePath === undefined ? undefined : client.probeProblem(answer)
  return problem === undefined ? clock.now() - start : wrong(withLogin(client, problem))
}

async function hasStatusPage(client: BackendClient, clock: Clock): Promise<boolean> {
  const deadline = new Deadline(clock, PING_TIME)
  try {
    return await isGateway(client, deadline.signal)
  } finally {
    deadline.end()
  }
}

/** One backend that is being asked. */
interface Probing {
  readonly client: BackendClient
  readonly clock: Clock
  readonly deadline: Deadline
  readonly ping: number
}

/** A result, or a fault of the whole backend. */
type Asked = { readonly result: JobResult } | { readonly fault: Finding }

async function jobsOf(
  probing: Probing,
  jobs: readonly ImmichJob[],
  onStep: (step: string) => void,
): Promise<Finding> {
  const { clock, deadline, ping } = probing
  const running: Promise<readonly [ImmichJob, Asked]>[] = []
  for (const job of jobs) {
    if (deadline.signal.aborted) break
    onStep(job.name)
    const asked = ask(probing, job)
    running.push(asked.then((result) => [job, result] as const))
    const pause = Promise.withResolvers<undefined>()
    const cancel = clock.after(PATIENCE, () => pause.resolve(undefined))
    const ended = await Promise.race([asked, pause.promise])
    cancel()
    // Every other job would fail in the same way.
    if (ended !== undefined && 'fault' in ended && running.length === 1) return ended.fault
  }
  const findings = (await Promise.all(running)).map(([job, asked]): JobFinding => {
    if ('result' in asked) return { job, result: asked.result }
    const reason = asked.fault.kind === 'unusable' ? asked.fault.reason : ''
    return { job, result: { kind: 'fails', reason } }
  })
  return { kind: 'answers', ping, jobs: findings }
}

/** Asks for a job twice: the first request may have to load a model. */
async function ask(probing: Probing, job: ImmichJob): Promise<Asked> {
  const first = await askOnce(probing, job)
  if (!('time' in first)) return first
  const second = await askOnce(probing, job)
  const time = 'time' in second ? Math.min(first.time, second.time) : first.time
  return { result: { kind: 'works', time, first: first.time, answer: first.answer } }
}

async function askOnce(
  { client, clock, deadline }: Probing,
  job: ImmichJob,
): Promise<Asked | { readonly time: number; readonly answer: Buffer }> {
  const start = clock.now()
  try {
    // The input on which answers can be compared.
    const sample = await fixedQuestion(job)
    const { answer, verdict } = await client.predict({ ...job, sample }, deadline.signal)
    if (answer.headers['x-immich-ml-backend'] !== undefined) return { fault: gatewayFault(client) }
    const redirected = redirectFault(client, answer, '/predict')
    if (redirected !== undefined) return { fault: wrong(redirected) }
    if (verdict.kind === 'good') return { time: clock.now() - start, answer: answer.body }
    const { reason } = verdict
    if (verdict.kind === 'fault' && verdict.scope === 'backend')
      return { fault: wrong(withLogin(client, reason)) }
    if (verdict.kind === 'busy') return { result: { kind: 'busy', reason } }
    const lacks = verdict.kind === 'lacks' || (verdict.kind === 'undecided' && verdict.otherwise === 'lacks')
    return { result: { kind: lacks ? 'lacks' : 'fails', reason } }
  } catch (error) {
    if (!deadline.signal.aborted)
      return { result: { kind: 'fails', reason: failureText(error, optionOf(client)) } }
    const seconds = Math.round((clock.now() - start) / 1_000)
    const reason = `no answer within ${seconds} s: the model may still be loading; ask again in some minutes, or read the ML server's log`
    return { result: { kind: 'late', reason } }
  }
}
