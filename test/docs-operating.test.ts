import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaults } from '@immich-ml-router/core/parts'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { ROOT } from './support/docs.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

describe('docs/operating.md', () => {
  const operating = read('docs/operating.md')
  const setting = (name: string) =>
    new RegExp(`\\| \`${name}\` \\| \`(\\d+)s?\` \\| \`(\\d+)s?\` \\|`).exec(operating)?.slice(1).map(Number)
  const [short = 0, long = 0] = [defaults.drainTimeout / 1000, 60]
  const [router] = parse(read('examples/setups/kubernetes/base/deployment.yaml')).spec.template.spec
    .containers

  it('has every variable of a gateway', () => {
    const [, list = ''] =
      /const VARIABLES = \[([^\]]+)\]/.exec(read('packages/gateway-kit/src/missing-config.ts')) ?? []
    const variables = [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name)
    const [, table = ''] = /^## Variables$([\s\S]*?)^## /m.exec(operating) ?? []
    const documented = [...table.matchAll(/`([A-Z_]{4,})`(?=[^|]*\|[^|]*\|[^|]*\|$)/gm)].map(
      ([, name]) => name,
    )
    expect(documented.sort()).toEqual(variables)
  })

  it('gives every supervisor 2 s more than the gateway takes', () => {
    expect(operating).toContain(`\`DRAIN_TIMEOUT\` (${short} s)`)
    const [atDefault = 0, atLong = 0] = setting('stop_grace_period') ?? []
    expect([atDefault >= short + 2, atLong >= long + 2]).toEqual([true, true])
    const preStop = Number(router.lifecycle.preStop.sleep.seconds)
    const [podAtDefault = 0, podAtLong = 0] = setting('terminationGracePeriodSeconds') ?? []
    expect([podAtDefault >= preStop + short + 2, podAtLong >= preStop + long + 2]).toEqual([true, true])
  })

  it('agrees with the compose files and the manifests', () => {
    const [atDefault] = setting('stop_grace_period') ?? []
    const composeFiles = globSync('examples/*/{,*/}compose.yaml', { cwd: ROOT })
    expect(composeFiles.length).toBeGreaterThan(10)
    for (const path of composeFiles)
      expect(read(path).match(/stop_grace_period: (\d+)s/)?.[1], path).toBe(String(atDefault))
    const { terminationGracePeriodSeconds } = parse(read('examples/setups/kubernetes/base/deployment.yaml'))
      .spec.template.spec
    expect(setting('terminationGracePeriodSeconds')?.[0]).toBe(terminationGracePeriodSeconds)
    const unit = read('examples/setups/systemd/immich-ml-router.service')
    expect(operating).toContain(
      `| \`TimeoutStopSec\` | 90 s, the default | \`${/^TimeoutStopSec=(.*)$/m.exec(unit)?.[1]}\` |`,
    )
    expect(operating).toContain('`livenessProbe` and `readinessProbe` ask `GET /`')
    expect([router.livenessProbe.httpGet.path, router.readinessProbe.httpGet.path]).toEqual(['/', '/'])
  })
})
