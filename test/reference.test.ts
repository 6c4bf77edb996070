import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaults, resolveExchangeOptions, resolveTimeouts } from '@immich-ml-router/core'
import config from '@immich-ml-router/core/config.schema.json' with { type: 'json' }
import { describe, expect, it } from 'vitest'
import { configurationReference } from '../packages/core/scripts/reference.ts'
import { resolveLimits } from '../packages/core/src/classify/limits.ts'
import { resolveDiscover } from '../packages/core/src/config/discover-options.ts'
import { resolveHedge } from '../packages/core/src/config/hedge-options.ts'
import {
  resolveHealth,
  resolveHeartbeats,
  resolveHold,
  resolveMaxHeldBytes,
  resolveQueue,
  resolveWake,
} from '../packages/core/src/config/patience.ts'
import { parseSize } from '../packages/core/src/config/size.ts'
import { isRecord } from '../packages/core/src/record.ts'
import { ROOT } from './support/docs.ts'

/** What the schema says that is taken for the options of an object that are not given. */
function written(object: unknown): Record<string, unknown> {
  if (!isRecord(object) || !isRecord(object['properties'])) throw new Error('not the schema of an object')
  return Object.fromEntries(
    Object.entries(object['properties']).flatMap(([name, option]) =>
      isRecord(option) && 'default' in option ? [[name, option['default']]] : [],
    ),
  )
}

/** The one of several alternatives that is an object. */
function objectIn({ anyOf }: { readonly anyOf: readonly unknown[] }): unknown {
  return anyOf.find((one) => isRecord(one) && isRecord(one['properties']))
}

describe('docs/reference.md', () => {
  it('is what `npm run docs` makes of the schema', () => {
    expect(readFileSync(join(ROOT, 'docs/reference.md'), 'utf8')).toBe(configurationReference())
  })

  it('says of a number how small and how large it may be', () => {
    const reference = configurationReference()
    expect(reference).toContain('| `priority` | `interactive`, `bulk` or number from 0 |')
    expect(reference).toContain('| `weight` | number above 0 |')
    expect(reference).toContain('| `port` | whole number from 1 to 65535 |')
    expect(reference).toContain('| `retries` | whole number from 0 |')
  })

  it('says of every option what it means', () => {
    const rows = configurationReference()
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(rows.length).toBeGreaterThan(50)
    for (const row of rows) {
      const [, option, kind, , meaning] = row.split(/(?<!\\)\|/).map((cell) => cell.trim())
      expect([option, kind === '', meaning === '']).toEqual([option, false, false])
    }
  })
})

describe('the defaults of the schema are those that are taken', () => {
  const { backends, routes, hold, health, heartbeat, queue, timeouts, limits, ...rest } = config.properties
  const backend = backends.additionalProperties.properties
  const route = routes.items.properties

  it('for timeouts, waiting and hedging', () => {
    expect(resolveTimeouts(written(timeouts))).toEqual(resolveTimeouts())
    expect(Object.keys(written(timeouts))).toEqual(Object.keys(resolveTimeouts()))
    expect(resolveQueue(written(queue))).toEqual(resolveQueue())
    expect(Object.keys(written(queue))).toEqual(['maxWait', 'maxLength'])
    expect(resolveHedge(written(route.hedge))).toEqual(resolveHedge({}))
    expect(Object.keys(written(route.hedge))).toEqual(['after', 'max'])
    const { maxBytes, ...members } = written(objectIn(hold))
    expect(resolveHold(members, undefined)).toEqual(resolveHold(undefined, undefined))
    expect(Object.keys(members)).toEqual(['bulk', 'interactive', 'maxHeld'])
    expect(written(objectIn(route.hold))).toEqual(members)
    expect(resolveMaxHeldBytes({ maxBytes: String(maxBytes) })).toBe(resolveMaxHeldBytes(undefined))
  })

  it('for health, waking, heartbeats and names', () => {
    expect(resolveHealth(written(health.anyOf[1]), undefined)).toEqual(resolveHealth({}, undefined))
    expect(Object.keys(written(health.anyOf[1]))).toHaveLength(5)
    const mac = 'aa:bb:cc:dd:ee:ff'
    expect(resolveWake({ ...written(backend.wake), mac })).toEqual(resolveWake({ mac }))
    expect(Object.keys(written(backend.wake))).toEqual(['broadcast', 'port', 'every'])
    expect(resolveHeartbeats(written(heartbeat.anyOf[1]), undefined)).toEqual(
      resolveHeartbeats({}, undefined),
    )
    const { interval } = written(backend.discover.anyOf[1])
    expect(resolveDiscover({ interval: String(interval) }, 'http://ml')).toEqual(
      resolveDiscover('dns', 'http://ml'),
    )
  })

  it('for the limits of classifying', () => {
    expect(resolveLimits(written(limits))).toEqual(defaults.limits)
    expect(Object.keys(written(limits))).toEqual(Object.keys(defaults.limits))
  })

  it('for the rest', () => {
    const { maxBodySize, bodyMemory, totalBodyMemory, answerMemory, ...others } = written({
      properties: rest,
    })
    expect(parseSize(String(answerMemory))).toBe(defaults.answerMemory)
    const { store, ...resolved } = resolveExchangeOptions({
      maxBodySize: String(maxBodySize),
      bodyMemory: String(bodyMemory),
    })
    expect([resolved.maxBodySize, store.bodyMemory]).toEqual([defaults.maxBodySize, defaults.bodyMemory])
    expect(totalBodyMemory).toBe('256mb')
    expect(defaults.totalBodyMemory).toBe(256 * 1024 * 1024)
    const { weight, tier, maxConcurrent, reserve, strategy, spill } = {
      ...written({ properties: backend }),
      ...written({ properties: route }),
    }
    expect({ ...others, weight, tier, maxConcurrent, reserve, strategy, spill }).toEqual(
      Object.fromEntries(
        [...Object.keys(others), 'weight', 'tier', 'maxConcurrent', 'reserve', 'strategy', 'spill'].map(
          (key) => [key, Reflect.get(defaults, key)],
        ),
      ),
    )
  })
})
