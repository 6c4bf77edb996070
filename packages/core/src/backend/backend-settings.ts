import type { Clock } from '../clock.ts'
import type { Endpoint } from '../discover/endpoint.ts'
import type { CheckOptions } from './health/checker.ts'
import type { HealthChange, MissingAddress } from './health/health-view.ts'
import type { LimitSettings } from './limit/concurrency-limit.ts'
import type { Waker } from './waker.ts'

/** What is particular about TLS to a backend, as Node's `tls.connect` takes it. */
export interface TlsSettings {
  readonly ca?: string | string[]
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
  readonly rejectUnauthorized?: boolean
}

/** What may change while it is used. */
export interface BackendTraits extends LimitSettings {
  /** The base URL; what changes in it is the user name and password alone, which become `authorization`. */
  readonly url: string
  /** Headers for its requests and probes only; names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly tls?: TlsSettings | undefined
  readonly weight: number
  readonly tier?: number | undefined
  readonly connectTimeout?: number
  /** The tasks that it serves; all, when not given. */
  readonly tasks?: readonly string[] | undefined
  /** Whether it takes requests of no known task, though it has `tasks`. */
  readonly unclassified?: boolean | undefined
  /** How it is probed; not at all, when not given. */
  readonly check?: CheckOptions | undefined
}

/** Settings of one backend or endpoint. */
export interface BackendSettings extends BackendTraits {
  /** The one address of its name that it is; any, when not given. */
  readonly endpoint?: Pick<Endpoint, 'address' | 'port'> | undefined
  /** Why its name has no address, while that is so: requests wait for it, and none is sent. */
  readonly missingAddress?: (() => MissingAddress | undefined) | undefined
  /** Whether it takes requests from the start, as it does unless told otherwise. */
  readonly enabled?: boolean | undefined
  /** What has its machine switched on. */
  readonly waker?: Waker | undefined
  readonly clock?: Clock
  /** Called when the state of the backend changes. */
  readonly onChange?: (change: HealthChange) => void
  /** It may be able to take a request that it could not take before. */
  readonly onRelief?: () => void
}
