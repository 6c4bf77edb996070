import { beyondLoop, type Clock, type LoopUse } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'
import { keepLatest } from '../../keep-latest.ts'
import type { Limit, Phase, Sample } from './limit.ts'
import { add, errorOf, halve, noSums, type Sums, shareOf } from './sums.ts'

/**
 * How many requests a backend can work on at once, learned from how long they take.
 *
 * By Little's law, of L requests in flight `L x (1 - S / W)` wait in a queue inside the backend, where W is how long they
 * take and S how long they take without a queue. As long as more in flight means more done, W stays S; from there on only
 * the queue grows. So the limit grows while hardly any of what it allows waits, and shrinks to what does not wait: TCP
 * Vegas' rule (https://dl.acm.org/doi/10.1145/190314.190317), which Netflix' concurrency-limits brought to servers
 * (https://github.com/Netflix/concurrency-limits). Unlike theirs, S is no minimum but a mean, by kind of job, taken while
 * few are in flight: with jobs that differ by a third, the minimum would see queues where there are none.
 */
export class AdaptiveLimit implements Limit {
  readonly #clock: Clock
  /** The highest that has proved right. */
  #limit = 1
  /** The highest that a queue was looked for in, and was right. */
  #proven = 1
  #phase: Phase
  /** Doubling, until that is too much for the first time. */
  #doubling = true
  /** By how much it was raised last, when that was no mistake. */
  #lastStep = 0
  /** When a higher limit is tried next, and how long that was put off; on the clock, in milliseconds. */
  #raiseAt = 0
  #raisePause = 0
  /** The same of the next look at jobs without a queue. */
  #lowerAt: number
  #lowerPause = FIRST_LOWER_PAUSE
  #loweredLast = Number.NEGATIVE_INFINITY
  /** How long the last jobs took, on average. */
  #time = 0
  /** Which share of that they did not spend in a queue, and when that was seen, on the clock, in milliseconds. */
  #share = 1
  #shareAt = 0
  readonly #unqueued = new UnqueuedTimes()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lowerAt = clock.now() + FIRST_LOWER_PAUSE
    this.#phase = this.#newPhase('raise', defaults.firstLimit)
  }

  /** Requests that it may have at once. */
  get current(): number {
    return this.#phase.limit
  }

  /** How many it works on at once, as far as has been proved: the limit may let one or two more wait inside. */
  get workers(): number {
    return Math.max(1, Math.min(this.#limit, Math.ceil(this.#limit * this.#share - UNSURE)))
  }

  /** Whether twice as many are being tried. */
  get mayGrow(): boolean {
    return this.#phase.kind === 'raise' && this.#phase.limit >= 2 * this.#limit
  }

  /** How many more may wait inside the backend, to take over at once from one that ends. */
  get standby(): number {
    return this.#phase.kind === 'lower' || this.#time > WORTH_STANDBY ? 0 : 1
  }

  get urgentExtra(): number {
    return 1 + this.standby
  }

  /** Whether jobs end so soon that an urgent request can wait for one. */
  get isQuick(): boolean {
    return this.#time > 0 && this.#time <= SOON_OVER
  }

  /** @param inFlight Requests there, with the one that begins. */
  begin(inFlight: number): Sample {
    const now = this.#clock.now()
    // Long enough for a phase to end, where enough come.
    const longest = Math.max(1_000, 30 * this.#time)
    if (this.#phase.kind !== 'keep' && now - this.#phase.since > longest) {
      // How far the first trial goes is worth knowing however long that takes.
      if (!this.#doubling || this.#phase.kind === 'lower') this.#phase = this.#newPhase('keep', this.#limit)
      else if (inFlight >= this.#limit && this.#limit >= MANY) {
        // All that come fit into what was proved at the beginning: nothing would show whether that was right.
        this.#putOffRaise()
        this.#lowerAt = now
      }
    }
    // A limit that is too low confirms itself, so it expires.
    if (this.#share < 1 && now - this.#shareAt > longest) this.#share = 1
    const phase = this.#phase
    const { kind, limit } = phase
    const loop = this.#clock.loop?.() ?? ALWAYS_IDLE
    // One that begins with fewer in flight than there may be says nothing about the limit.
    const least = kind === 'raise' ? this.#limit + 1 : limit
    const counts = kind === 'lower' ? inFlight <= limit : inFlight >= least
    if (!counts) return { level: inFlight, batch: undefined, loop }
    if (phase.batch === undefined || phase.batch.toBegin === 0) {
      const size = this.#batchSize(phase)
      phase.batch = { phase, toBegin: size, toEnd: size, sums: noSums() }
    }
    phase.batch.toBegin--
    return { level: inFlight, batch: phase.batch, loop }
  }

  /** @param taken How long it took, in milliseconds; `undefined` when that says nothing, as when it failed. */
  end({ level, batch, loop }: Sample, kind: string, taken: number | undefined): void {
    if (taken !== undefined) {
      // What waits for us says nothing about the backend.
      const time = beyondLoop(taken, loop, this.#clock.loop?.() ?? ALWAYS_IDLE)
      this.#time ||= time
      const known = this.#unqueued.observe(kind, time, level <= this.#lowLevel, this.#share)
      if (batch !== undefined) add(batch.sums, { count: 1, level, time, ...known })
    }
    if (batch === undefined || --batch.toEnd > 0 || batch.phase !== this.#phase) return
    const { sums } = batch.phase
    add(sums, batch.sums)
    if (sums.count === 0) return
    this.#time = sums.time / sums.count
    this.#judge(batch.phase)
  }

  #batchSize({ kind, limit }: Phase): number {
    if (kind === 'lower') return Math.max(SMALLEST_LOOK, 2 * limit)
    return Math.max(this.#doubling ? 2 : SMALLEST_BATCH, limit)
  }

  /** With so many in flight, or fewer, none waits: half of what was found to be enough. */
  get #lowLevel(): number {
    const known = Math.min(this.#limit, this.#proven)
    return this.#doubling ? known : Math.max(1, Math.floor(known / 2))
  }

  #judge(phase: Phase): void {
    const { sums, limit, kind } = phase
    if (kind === 'lower') this.#learnUnqueued(sums)
    else if (this.#time < QUICK) this.#allow(phase)
    else if (this.#limit > this.#proven && kind === 'raise') this.#putOffRaise()
    else if (this.#limit > this.#proven) this.#shrink(Math.max(this.#proven, this.#limit >> 1))
    else if (kind === 'keep' && limit === 1) this.#leaveOne()
    else {
      const level = sums.level / sums.count
      // A higher limit is tried as far as it is used.
      const tried = kind === 'raise' ? Math.max(this.#limit + 1, Math.min(limit, Math.round(level))) : limit
      // Of those in flight so many are worked on; those beyond the limit are to wait.
      const queued = tried - level * shareOf(sums)
      // What doubles does not need to be known well.
      const error = tried * errorOf(this.#doubling ? { ...sums, doubt: 0 } : sums)
      if (kind === 'keep') this.#setShare(shareOf(sums))
      if (this.#isDoubtful(sums)) this.#lower()
      else if (-queued > 0.1 * tried + 3.5 * error) this.#hasBecomeFaster(sums)
      else if (kind === 'raise') this.#judgeRaise(tried, queued, error, sums)
      else this.#judgeLimit(limit, queued, error, sums)
    }
  }

  /** While waits are short, it does not matter where requests wait. */
  #allow({ limit, sums }: Phase): void {
    if (limit > this.#limit) this.#lastStep = limit - this.#limit
    this.#limit = limit
    if (this.#clock.now() >= this.#raiseAt) this.#raise()
    else if (sums.count > 40 * limit) halve(sums)
  }

  /** It is higher than it was; was that right? */
  #judgeRaise(limit: number, queued: number, error: number, sums: Sums): void {
    const step = limit - this.#limit
    const most = step / 2
    const enough = sums.count >= Math.max((this.#doubling ? 6 : 12) * limit, 16)
    if (queued + error < most || (enough && queued < most)) {
      this.#limit = limit
      this.#proven = limit
      this.#setShare(shareOf(sums))
      this.#lastStep = step
      this.#raisePause = 0
      this.#raiseAt = this.#clock.now()
      this.#raise()
    } else if (queued - error > most || enough) this.#putOffRaise()
  }

  #putOffRaise(): void {
    const longest = Math.max(LONGEST_RAISE_PAUSE, 100 * this.#time)
    const pause = Math.max(SHORTEST_RAISE_PAUSE, 8 * this.#time, 2 * this.#raisePause)
    this.#raisePause = this.#doubling ? 0 : Math.min(longest, pause)
    this.#raiseAt = this.#clock.now() + this.#raisePause
    this.#doubling = false
    this.#lastStep = 0
    this.#phase = this.#newPhase('keep', this.#limit)
  }

  #judgeLimit(limit: number, queued: number, error: number, sums: Sums): void {
    const now = this.#clock.now()
    const most = Math.max(MOST_QUEUED, MOST_QUEUED_SHARE * limit)
    if (queued - 1.5 * error > most) {
      // Perhaps everything takes longer now, and nothing waits: a look at jobs without a queue tells one from the other.
      if (now - this.#loweredLast > Math.max(1_000, 20 * this.#time)) this.#lower()
      else this.#shrink(Math.max(1, Math.round(limit - queued)))
    } else if (now >= this.#lowerAt) this.#lower()
    else if (queued < most && now >= this.#raiseAt) this.#raise()
    else if (sums.count > 40 * limit) halve(sums)
  }

  /** With one at a time nothing waits, and that is all that there is to see. */
  #leaveOne(): void {
    const now = this.#clock.now()
    if (now >= this.#lowerAt) this.#lower()
    else if (now >= this.#raiseAt) this.#raise()
  }

  #raise(): void {
    if (this.#limit >= LARGEST) return
    const step = this.#doubling
      ? this.#limit
      : Math.max(1, Math.round(this.#limit / 8), Math.min(2 * this.#lastStep, Math.floor(this.#limit / 2)))
    this.#phase = this.#newPhase('raise', this.#limit + step)
  }

  #lower(): void {
    this.#phase = this.#newPhase('lower', this.#lowLevel)
  }

  #shrink(limit: number): void {
    this.#limit = limit
    this.#proven = Math.min(this.#proven, limit)
    this.#share = 1
    this.#raisePause = 0
    this.#raiseAt = this.#clock.now() + 8 * this.#time
    this.#lookSoon()
    this.#phase = this.#newPhase('keep', limit)
  }

  #learnUnqueued(sums: Sums): void {
    const now = this.#clock.now()
    const change = 1 / shareOf(sums)
    const isSure = Math.abs(Math.log(change)) > 0.1 + 2 * errorOf(sums)
    if (isSure) {
      this.#unqueued.scale(change, SMALLEST_BATCH)
      this.#lookSoon()
    } else {
      this.#lowerPause = Math.min(2 * this.#lowerPause, Math.max(LONGEST_LOWER_PAUSE, 100 * this.#time))
      this.#lowerAt = now + this.#lowerPause
    }
    this.#loweredLast = now
    if (this.#doubling) this.#raise()
    else this.#phase = this.#newPhase('keep', this.#limit)
  }

  /** Something has changed, perhaps by more than has been seen. */
  #lookSoon(): void {
    this.#lowerPause = Math.max(SHORTEST_LOWER_PAUSE, 10 * this.#time)
    this.#lowerAt = this.#clock.now() + this.#lowerPause
  }

  /** Jobs take less time than they should without a queue. */
  #hasBecomeFaster(sums: Sums): void {
    this.#unqueued.scale(1 / shareOf(sums), SMALLEST_BATCH)
    this.#lookSoon()
    this.#lowerAt = this.#clock.now()
    this.#phase = this.#newPhase('keep', this.#limit)
  }

  /** Whether more of the same would not help, since it is not known how long these jobs take without a queue. */
  #isDoubtful({ count, unqueued, doubt }: Sums): boolean {
    if (this.#clock.now() - this.#loweredLast < Math.max(SHORTEST_LOOK_PAUSE, 5 * this.#time)) return false
    return doubt > MOST_DOUBT * unqueued && doubt * count > DOUBT_BY_NOISE * unqueued
  }

  #setShare(share: number): void {
    this.#share = Math.min(1, share)
    this.#shareAt = this.#clock.now()
  }

  #newPhase(kind: Phase['kind'], limit: number): Phase {
    return { kind, limit, since: this.#clock.now(), sums: noSums(), batch: undefined }
  }
}

/** How long a job takes without a queue, by kind, in milliseconds. */
class UnqueuedTimes {
  /** The kind that came longest ago is first: clients choose the names, so the memory is bounded. */
  readonly #times = new Map<string, { time: number; count: number }>()

  /**
   * A job was done.
   *
   * @param isLow Whether so few were in flight that none was queued.
   * @param share Which part of the time was not spent in a queue, where that is not known of the kind.
   * @returns How long it would have taken without a queue, and how doubtful that is.
   */
  observe(kind: string, time: number, isLow: boolean, share: number): Pick<Sums, 'unqueued' | 'doubt'> {
    const known = this.#times.get(kind) ?? { time: isLow ? time : time * share, count: 0 }
    const before = { unqueued: known.time, doubt: known.time / Math.min(Math.max(known.count, 1), MEMORY) }
    if (isLow) {
      known.count++
      known.time += (time - known.time) / Math.min(known.count, MEMORY)
    }
    keepLatest(this.#times, kind, known, defaults.mostKinds)
    return before
  }

  /** Jobs of all kinds take so many times as long, as a few have shown. @param count How many jobs that is worth. */
  scale(factor: number, count: number): void {
    for (const known of this.#times.values()) {
      known.time *= factor
      known.count = Math.min(known.count, count)
    }
  }
}

const ALWAYS_IDLE: LoopUse = { busy: 0, turns: 0 }
/** So much of a worker may be a mistake of measuring. */
const UNSURE = 0.35
/** That it can work on so many at once is not believed for good before a look at jobs without a queue. */
const MANY = 4
/** Jobs over which the time without a queue is averaged. */
const MEMORY = 64
const SMALLEST_BATCH = 6
const SMALLEST_LOOK = 3
/** How long jobs take without a queue is looked at again as long as it is known from some three of a kind. */
const MOST_DOUBT = 0.3
/** By how many times the doubt must exceed what chance leaves of as many jobs; below it, more of the same help. Both as variances. */
const DOUBT_BY_NOISE = 6
/** The way from one end to the next begin takes a millisecond or two: with jobs that take longer than this, hardly a percent. */
const WORTH_STANDBY = 100
/** By simulation: the highest with which searches during an import take less than twice as long as without. */
const SOON_OVER = 40
/** A server that is given more at once gains nothing. */
const LARGEST = 1_024
/** So many may wait inside the backend, or this share of what is in flight: they hide the way between the two. */
const MOST_QUEUED = 0.75
const MOST_QUEUED_SHARE = 0.12
/** What takes less than that, waiting included, needs no limit; much of it is the way there, and the router itself. */
const QUICK = 15
/** Between two trials of a higher limit, in milliseconds. */
const SHORTEST_RAISE_PAUSE = 200
const LONGEST_RAISE_PAUSE = 5_000
/** Between two looks at jobs without a queue, in milliseconds. */
const SHORTEST_LOOK_PAUSE = 300
const FIRST_LOWER_PAUSE = 5_000
const SHORTEST_LOWER_PAUSE = 500
const LONGEST_LOWER_PAUSE = 30_000
