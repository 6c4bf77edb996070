import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type BackendEvent, createRouter, dnsResolver, parseConfig } from '@immich-ml-router/core'
import { defaults } from '@immich-ml-router/core/parts'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import type { IConfigMap } from 'kubernetes-models/v1'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { post } from './support/client.ts'
import { dnsServer } from './support/dns-server.ts'
import { ROOT } from './support/docs.ts'
import { IMAGE } from './support/image.ts'
import { documentsOf, finderAmong, mistakesIn, render } from './support/manifests.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)
const DIRECTORY = join(ROOT, 'examples/setups/kubernetes')

interface Kustomization {
  readonly resources: readonly string[]
  readonly configMapGenerator: readonly [{ readonly name: string; readonly files: readonly [string] }]
  readonly images: readonly [{ readonly name: string; readonly newTag: string }]
}

const read = (path: string) => readFileSync(join(DIRECTORY, path), 'utf8')
const kustomization: Kustomization = parse(read('base/kustomization.yaml'))
const base = kustomization.resources.flatMap((file) => documentsOf(read(join('base', file))))
const monitoring = documentsOf(read('with-monitoring/service-monitor.yaml'))

const find = finderAmong(base)

describe('the Kubernetes manifests', () => {
  it('are what Kubernetes and the Prometheus Operator take', async () => {
    expect(await mistakesIn([...base, ...monitoring])).toBe('')
  })

  it('would not be, with a mistake in them', async () => {
    const text = read('base/service.yaml')
    expect(await mistakesIn(documentsOf(text.replace('targetPort', 'targetport')))).toContain(
      `'"targetport"' does not exist`,
    )
    expect(await mistakesIn(documentsOf(text.replace('port: 3003', 'port: http')))).toContain('integer')
  })

  it('are all in a kustomization', () => {
    for (const directory of ['base', 'with-monitoring']) {
      const text = read(`${directory}/kustomization.yaml`)
      const files = readdirSync(join(DIRECTORY, directory)).filter((file) => file !== 'kustomization.yaml')
      expect(files.filter((file) => !text.includes(file))).toEqual([])
    }
  })

  itNeeds('kubectl')('are put together by kubectl, with monitoring and without', async () => {
    const [plain, monitored] = [
      await render(join(DIRECTORY, 'base')),
      await render(join(DIRECTORY, 'with-monitoring')),
    ]
    expect(await mistakesIn([...plain, ...monitored])).toBe('')
    for (const { metadata } of [...plain, ...monitored])
      expect(metadata).toMatchObject({ namespace: 'immich' })
    expect(plain.map(({ kind }) => kind)).not.toContain('ServiceMonitor')
    const [router] = find('Deployment', 'immich-ml-router', monitored).spec?.template.spec?.containers ?? []
    expect(router?.ports?.map(({ name }) => name).sort()).toEqual(['http', 'metrics'])
    expect(router?.image).toBe(IMAGE)
    expect(router?.env).toContainEqual({ name: 'METRICS_PORT', value: '9464' })
    const service = find('Service', 'immich-ml-router', monitored).spec
    expect(service?.ports).toContainEqual({ name: 'metrics', port: 9464, targetPort: 'metrics' })
    const endpoints = find('ServiceMonitor', 'immich-ml-router', monitored).spec.endpoints
    expect(endpoints?.map(({ port }) => port)).toEqual(['metrics'])
    const policy = find('NetworkPolicy', 'immich-ml-router', monitored).spec
    expect(policy?.ingress?.map(({ ports }) => ports)).toEqual([
      [{ protocol: 'TCP', port: 'http' }],
      [{ protocol: 'TCP', port: 'metrics' }],
    ])
    const config = monitored.find((manifest): manifest is IConfigMap => manifest.kind === 'ConfigMap')
    expect(parseConfig(parse(config?.data?.['router.yaml'] ?? '')).routes).toHaveLength(2)
  })

  const deployment = find('Deployment', 'immich-ml-router').spec
  const pod = deployment?.template.spec
  const [container] = pod?.containers ?? []
  const labels = { matchLabels: deployment?.template.metadata?.labels }

  it('select the pods that they are about', () => {
    const service = find('Service', 'immich-ml-router')
    expect(labels.matchLabels).toBeDefined()
    expect(deployment?.selector).toEqual(labels)
    expect(pod?.topologySpreadConstraints?.[0]?.labelSelector).toEqual(labels)
    expect(service.spec?.selector).toEqual(labels.matchLabels)
    expect(find('PodDisruptionBudget', 'immich-ml-router').spec?.selector).toEqual(labels)
    const policy = find('NetworkPolicy', 'immich-ml-router').spec
    expect(policy?.podSelector).toEqual(labels)
    const monitor = find('ServiceMonitor', 'immich-ml-router', monitoring).spec
    expect(monitor.selector).toEqual({ matchLabels: service.metadata?.labels })
    const ml = find('Deployment', 'immich-machine-learning').spec?.template.metadata?.labels
    expect(find('Service', 'immich-machine-learning-pods').spec?.selector).toEqual(ml)
    expect(policy?.egress?.[0]?.to).toEqual([{ podSelector: { matchLabels: ml } }])
  })

  it('name ports, volumes and images that are there', () => {
    const names = container?.ports?.map(({ name }) => name)
    const toRouter = find('Service', 'immich-ml-router').spec?.ports?.map(({ targetPort }) => targetPort)
    const allowed = find('NetworkPolicy', 'immich-ml-router').spec?.ingress?.[0]?.ports
    const probed = [container?.readinessProbe, container?.livenessProbe].map((probe) => probe?.httpGet?.port)
    expect([toRouter, allowed?.map(({ port }) => port), probed]).toEqual([names, names, ['http', 'http']])
    expect(container?.ports?.[0]?.containerPort).toBe(3003)
    const mounted = container?.volumeMounts?.map(({ name }) => name)
    expect(pod?.volumes?.map(({ name }) => name)).toEqual(mounted)
    const [generated] = kustomization.configMapGenerator
    expect(pod?.volumes?.[0]?.configMap?.name).toBe(generated.name)
    expect(`${container?.volumeMounts?.[0]?.mountPath}/${generated.files[0]}`).toBe('/config/router.yaml')
    const [image] = kustomization.images
    expect(container?.image).toBe(image.name)
    expect(`${image.name}:${image.newTag}`).toBe(IMAGE)
  })

  it('probe the process alone: /ping answers 503 when every backend is down', () => {
    const probes = [container?.readinessProbe, container?.livenessProbe]
    expect(probes.map((probe) => probe?.httpGet?.path)).toEqual(['/', '/'])
  })

  it('give running requests the time to finish', () => {
    // The image has no sleep to execute.
    const seconds = container?.lifecycle?.preStop?.sleep?.seconds ?? Number.NaN
    const needed = seconds + (defaults.drainTimeout + defaults.closeGrace) / 1000
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(needed)
  })

  it('make the pod no root, with nothing to write to but where bodies go', () => {
    expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532, fsGroup: 65_532 })
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(container?.volumeMounts?.[1]?.mountPath).toBe('/data')
    expect(pod?.volumes?.[1]?.emptyDir).toEqual({ sizeLimit: '10Gi' })
  })
})

describe('the README', () => {
  it('sends a request from within the pod', async () => {
    const [, script = ''] = /-- node -e '([\s\S]*?)'\n/.exec(read('README.md')) ?? []
    const ml = await stubMl()
    const { stdout } = await exec(process.execPath, ['-e', script.replace('http://localhost:3003', ml.url)])
    expect([stdout, ml.received[0]?.jobs[0]?.task]).toEqual(['200\n', 'clip'])
  })
})

describe("the ConfigMap's configuration", () => {
  const config = parseConfig(parse(read('base/router.yaml')))
  const url = new URL(config.backends['ml']?.url ?? '')

  it('names the headless Service', () => {
    const [service = '', namespace, ...rest] = url.hostname.split('.')
    expect([namespace, ...rest]).toEqual(['immich', 'svc', 'cluster', 'local'])
    const { spec } = find('Service', service)
    expect([spec?.clusterIP, spec?.ports?.[0]?.port]).toEqual(['None', Number(url.port)])
  })

  itNeeds('loopback')('spreads over the pods, and waits while there are none', async () => {
    const first = await stubMl({ serviceTime: 30 })
    const pods = [first, await stubMl({ host: '127.0.0.2', port: first.port, serviceTime: 30 })]
    const dns = await dnsServer({ [url.hostname]: { A: ['127.0.0.1', '127.0.0.2'] } })
    const backends = { ml: { ...config.backends['ml'], url: `http://${url.hostname}:${first.port}` } }
    const router = createRouter({ ...config, backends, resolver: dnsResolver({ servers: [dns.address] }) })
    onTestFinished(() => router.close({ timeout: 0 }))
    const gateway = await listen((req, res) => router.handle(req, res))
    const image = immichBody('indexing', imageBytes(100_000))
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(gateway.url, image)))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(pods.map(({ started }) => started > 0)).toEqual([true, true])

    // Both are gone, as when a node is drained; one comes back.
    for (const pod of pods) await pod.setFault('refuse')
    let held = 0
    router.on('hold', ({ kind, reason }) => {
      if (kind === 'held' && reason !== 'full') held++
    })
    const back = new Promise<void>((resolve) => {
      router.on('backend', (event: BackendEvent) => {
        if (event.kind === 'breaker' && event.to.kind === 'recovering') resolve()
      })
    })
    const waiting = post(gateway.url, image)
    await until(() => held > 0, 'the image waits')
    await pods[1]?.setFault(undefined)
    expect((await waiting).status).toBe(200)
    await back
  })
})
