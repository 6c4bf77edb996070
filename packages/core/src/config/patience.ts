import type { GroupSettings } from '../backend/backend-group.ts'
import type { BackendSettings } from '../backend/backend-settings.ts'
import type { CheckOptions } from '../backend/health/checker.ts'
import { defaults } from './defaults.ts'
import { parseDuration } from './duration.ts'
import { parseSize } from './size.ts'

/** How it is found out whether a backend can be used. Durations are milliseconds or `250ms`, `30s`, `10m`, `12h`. */
export interface HealthOptions {
  /**
   * Path of the probe below the base URL; any 2xx answer that is no HTML will do.
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

/** How long requests are held while no backend of their route is available. Durations may be `unlimited`. */
export interface HoldOptions {
  /**
   * The longest hold of a bulk request, one of priority 0.
   * @default '12h'
   */
  readonly bulk?: number | string | undefined
  /**
   * The longest hold of an interactive request, one of a priority above 0.
   * @default '15s'
   */
  readonly interactive?: number | string | undefined
  /**
   * How many are held at once on a route; further ones get 503. A tenth of it is reserved for interactive requests.
   * @default 1000
   */
  readonly maxHeld?: number | undefined
}

/** The same for all routes. */
export interface PolicyHoldOptions extends HoldOptions {
  /**
   * The most bytes that the bodies of held requests take together.
   * @default '2gb'
   */
  readonly maxBytes?: number | string | undefined
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
  readonly bulk: number
  readonly interactive: number
  readonly maxHeld: number
}

/** The same as {@link QueueOptions}, complete and in milliseconds. */
export interface Queue {
  readonly maxWait: number
  readonly maxLength: number
}

/** How long a request waits, in milliseconds. */
export interface Patience {
  /** For an available backend, by the class of the request; `undefined` when it is not held. */
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
): Pick<BackendSettings, 'check'> {
  const options = { ...(general || {}), ...defined(own || {}) }
  if (own === false || (own === undefined && general === false)) return {}
  const check: CheckOptions = {
    path: options.path ?? defaults.healthPath,
    interval: milliseconds(options.interval, defaults.healthInterval),
    timeout: milliseconds(options.timeout, defaults.healthTimeout),
    rise: options.rise ?? defaults.healthRise,
    fall: options.fall ?? defaults.healthFall,
  }
  return { check }
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

/** @returns `undefined` when requests are not held. */
export function resolveHold(
  own: HoldOptions | number | string | false | undefined,
  general: HoldOptions | number | string | false | undefined,
): Hold | undefined {
  if (own === false || (own === undefined && general === false)) return undefined
  const { bulk, interactive, maxHeld } = { ...holdMembers(general), ...holdMembers(own) }
  return {
    bulk: milliseconds(bulk, defaults.holdBulk),
    interactive: milliseconds(interactive, defaults.holdInteractive),
    maxHeld: maxHeld ?? defaults.maxHeld,
  }
}

/** A duration sets both classes. */
function holdMembers(written: HoldOptions | number | string | false | undefined): HoldOptions {
  if (written === undefined || written === false) return {}
  return typeof written === 'object' ? defined(written) : { bulk: written, interactive: written }
}

/** The most bytes that the bodies of held requests take together. */
export function resolveMaxHeldBytes(
  general: PolicyHoldOptions | number | string | false | undefined,
): number {
  const written = typeof general === 'object' ? general.maxBytes : undefined
  return written === undefined ? defaults.maxHeldBytes : (parseSize(written) ?? defaults.maxHeldBytes)
}

/** How many bulk requests a route holds at most: the rest of `maxHeld` is for interactive ones. */
export function mostBulkHeld({ maxHeld }: Hold): number {
  return maxHeld - Math.floor(maxHeld * defaults.heldInteractiveShare)
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
