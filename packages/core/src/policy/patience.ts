import type { GroupSettings } from '../backend/backend-group.ts'
import type { BackendSettings } from '../backend/backend-settings.ts'
import type { CheckOptions } from '../backend/checker.ts'
import { defaults } from '../defaults.ts'
import { parseDuration } from './duration.ts'

/** How it is found out whether a backend can be used. Durations are milliseconds or `250ms`, `30s`, `10m`, `12h`. */
export interface HealthOptions {
  /**
   * Path of the probe below the base URL; any 2xx answer will do.
   * @default '/ping'
   */
  readonly path?: string | undefined
  /**
   * Between two probes; shorter while in doubt, and while a request waits.
   * @default '10s'
   */
  readonly interval?: number | string | undefined
  /**
   * For a probe to be answered.
   * @default '2s'
   */
  readonly timeout?: number | string | undefined
  /**
   * Answers in a row after which a backend that was down is up.
   * @default 2
   */
  readonly rise?: number | undefined
  /**
   * Failed probes in a row after which a backend is down.
   * @default 3
   */
  readonly fall?: number | undefined
  /**
   * Statuses of answers to requests that count as a failure of the backend, 500 to 599 but for 501.
   * @default [500, 502, 503, 504]
   */
  readonly ejectOn?: readonly number[] | undefined
}

/** What keeps a client from giving up while it waits for the first byte. */
export interface HeartbeatOptions {
  /**
   * How long it waits before it gets the first sign of life.
   * @default '120s'
   */
  readonly after?: number | string | undefined
  /**
   * Between two signs of life.
   * @default '30s'
   */
  readonly every?: number | string | undefined
}

/** How long requests wait for a backend that can be used. */
export interface HoldOptions {
  /** The longest wait: milliseconds, `12h`, or `unlimited`. */
  readonly hold: number | string
  /**
   * How many may wait at once; further ones are answered with 503.
   * @default 1000
   */
  readonly maxHeld?: number | undefined
}

/** How requests wait while every backend of their route has as many as it may have. */
export interface QueueOptions {
  /**
   * The longest wait: milliseconds, `10m`, or `unlimited`. Whoever has waited for half of it goes before everybody who
   * comes later, however urgent.
   * @default '10m'
   */
  readonly maxWait?: number | string | undefined
  /**
   * How many may wait at once; further ones are answered with 503.
   * @default 1000
   */
  readonly maxLength?: number | undefined
}

/** How a machine is switched on over the network. */
export interface WakeOptions {
  /** Its MAC address, such as `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string
  /**
   * The address of its network that reaches every machine there.
   * @default '255.255.255.255'
   */
  readonly broadcast?: string | undefined
  /**
   * UDP port.
   * @default 9
   */
  readonly port?: number | undefined
  /**
   * Between two packets, as long as it is wanted.
   * @default '30s'
   */
  readonly every?: number | string | undefined
}

/** The same as {@link HeartbeatOptions}, complete and in milliseconds. */
export interface Heartbeats {
  readonly after: number
  readonly every: number
}

/** The same as {@link HoldOptions}, complete and in milliseconds. */
export interface Hold {
  readonly time: number
  readonly maxHeld: number
}

/** The same as {@link QueueOptions}, complete and in milliseconds. */
export interface Queue {
  readonly maxWait: number
  readonly maxLength: number
}

/** How long a request waits, in milliseconds. */
export interface Patience {
  /** For a backend that can be used; not at all, when not given. */
  readonly hold: number | undefined
  /** For one that is full. */
  readonly maxWait: number
}

/** That of both that is longer, in each respect. */
export function longer(one: Patience, other: Patience): Patience {
  return {
    hold:
      one.hold === undefined || other.hold === undefined
        ? (one.hold ?? other.hold)
        : Math.max(one.hold, other.hold),
    maxWait: Math.max(one.maxWait, other.maxWait),
  }
}

export function resolveQueue(options: QueueOptions = {}): Queue {
  return {
    maxWait: milliseconds(options.maxWait, defaults.maxWait),
    maxLength: options.maxLength ?? defaults.maxLength,
  }
}

/** @param general What holds for all backends. */
export function resolveHealth(
  own: HealthOptions | false | undefined,
  general: HealthOptions | false | undefined,
): Pick<BackendSettings, 'check' | 'ejecting'> {
  const options = { ...(general || {}), ...defined(own || {}) }
  const ejecting = new Set(options.ejectOn ?? defaults.ejectingStatuses)
  if (own === false || (own === undefined && general === false)) return { ejecting }
  const check: CheckOptions = {
    path: options.path ?? defaults.healthPath,
    interval: milliseconds(options.interval, defaults.healthInterval),
    timeout: milliseconds(options.timeout, defaults.healthTimeout),
    rise: options.rise ?? defaults.healthRise,
    fall: options.fall ?? defaults.healthFall,
  }
  return { check, ejecting }
}

/** @returns `undefined` for none. */
export function resolveHeartbeats(
  own: HeartbeatOptions | false | undefined,
  general: HeartbeatOptions | false | undefined,
): Heartbeats | undefined {
  if (own === false || (own === undefined && general === false)) return undefined
  const options = { ...(general || {}), ...defined(own || {}) }
  return {
    after: milliseconds(options.after, defaults.heartbeatAfter),
    every: milliseconds(options.every, defaults.heartbeatInterval),
  }
}

export function resolveHold(options: HoldOptions | undefined): Hold | undefined {
  if (options === undefined) return undefined
  return { time: milliseconds(options.hold, 0), maxHeld: options.maxHeld ?? defaults.maxHeld }
}

export function resolveWake(options: WakeOptions | undefined): GroupSettings['wake'] {
  if (options === undefined) return undefined
  return {
    mac: options.mac,
    broadcast: options.broadcast ?? defaults.wakeBroadcast,
    port: options.port ?? defaults.wakePort,
    every: milliseconds(options.every, defaults.wakeInterval),
  }
}

function milliseconds(written: number | string | undefined, otherwise: number): number {
  return written === undefined ? otherwise : (parseDuration(written) ?? otherwise)
}

/** Without what is `undefined`, which must not hide a more general word. */
function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}
