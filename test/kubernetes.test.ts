import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type BackendEvent, createRouter, defaults, dnsResolver, parseConfig } from '@immich-ml-router/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { post } from './support/client.ts'
import { dnsServer } from './support/dns-server.ts'
import { ROOT } from './support/docs.ts'
import { imageBytes, immichBody } from './support/predict-body.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)
const DIRECTORY = join(ROOT, 'examples/setups/kubernetes')

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
  // biome-ignore lint/suspicious/noExplicitAny: what is in it is what the test is about
  readonly [key: string]: any
}

function documentsOf(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS())
}

const read = (path: string) => readFileSync(join(DIRECTORY, path), 'utf8')
const base: Manifest[] = parse(read('base/kustomization.yaml')).resources.flatMap((file: string) =>
  documentsOf(read(join('base', file))),
)
const [serviceMonitor] = documentsOf(read('with-monitoring/service-monitor.yaml'))

function find(kind: string, name: string, among: readonly Manifest[] = base): Manifest {
  const found = among.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
  return found
}

/** The package that has the types and schemas of an API. */
function packageOf({ apiVersion }: Manifest): string {
  const models = apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models'
  return `${models}/${apiVersion}`
}

/** What is wrong with manifests by the schemas of Kubernetes, and by its types, which know what is no field at all. */
async function mistakesIn(manifests: readonly Manifest[]): Promise<string> {
  for (const manifest of manifests) {
    const models = await import(packageOf(manifest))
    try {
      new models[manifest.kind](manifest).validate()
    } catch (error) {
      return `${manifest.kind}: ${error}`
    }
  }
  const directory = await mkdtemp(join(tmpdir(), 'immich-ml-router-manifests-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  await symlink(join(ROOT, 'test/node_modules'), join(directory, 'node_modules'), 'junction')
  const lines = manifests.map(
    (manifest, i) =>
      `import type { I${manifest.kind} as T${i} } from '${packageOf(manifest)}'
export const manifest${i}: T${i} = ${JSON.stringify(manifest)}`,
  )
  await writeFile(join(directory, 'manifests.ts'), lines.join('\n'))
  const compilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    module: 'nodenext',
    target: 'es2024',
    types: [],
  }
  await writeFile(
    join(directory, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['manifests.ts'] }),
  )
  const tsc = join(ROOT, 'node_modules/typescript-7/bin/tsc')
  const { stdout } = await exec(process.execPath, [tsc, '-p', directory]).catch((error) => error)
  return stdout
}

describe('the Kubernetes manifests', () => {
  it('are what Kubernetes and the Prometheus Operator take', async () => {
    expect(await mistakesIn([...base, ...(serviceMonitor ? [serviceMonitor] : [])])).toBe('')
  })

  it('would not be, with a mistake in them', async () => {
    const deployment = find('Deployment', 'immich-ml-router')
    const misspelt = structuredClone(deployment)
    misspelt['spec'].template.spec.containers[0].livenesProbe = {}
    expect(await mistakesIn([misspelt])).toContain(`'"livenesProbe"' does not exist`)
    const mistyped = structuredClone(deployment)
    mistyped['spec'].replicas = 'two'
    expect(await mistakesIn([mistyped])).toContain('replicas')
  })

  it('are all in a kustomization', () => {
    for (const directory of ['base', 'with-monitoring']) {
      const text = read(`${directory}/kustomization.yaml`)
      const files = readdirSync(join(DIRECTORY, directory)).filter((file) => file !== 'kustomization.yaml')
      expect(files.filter((file) => !text.includes(file))).toEqual([])
    }
  })

  itNeeds('kubectl')('are put together by kubectl, with monitoring and without', async () => {
    const render = async (directory: string) => {
      const { stdout } = await exec('kubectl', ['kustomize', join(DIRECTORY, directory)])
      return documentsOf(stdout)
    }
    const [plain, monitored] = [await render('base'), await render('with-monitoring')]
    expect(await mistakesIn([...plain, ...monitored])).toBe('')
    for (const { metadata } of [...plain, ...monitored])
      expect(metadata).toMatchObject({ namespace: 'immich' })
    expect(plain.map(({ kind }) => kind)).not.toContain('ServiceMonitor')
    const [container] = find('Deployment', 'immich-ml-router', monitored)['spec'].template.spec.containers
    expect(container.ports.map(({ name }: { name: string }) => name).sort()).toEqual(['http', 'metrics'])
    expect(container.env).toContainEqual({ name: 'METRICS_PORT', value: '9464' })
    const { ports } = find('Service', 'immich-ml-router', monitored)['spec']
    expect(ports).toContainEqual({ name: 'metrics', port: 9464, targetPort: 'metrics' })
    const { ingress } = find('NetworkPolicy', 'immich-ml-router', monitored)['spec']
    expect(ingress.map(({ ports }: { ports: object }) => ports)).toEqual([
      [{ protocol: 'TCP', port: 'http' }],
      [{ protocol: 'TCP', port: 'metrics' }],
    ])
    const config = monitored.find(({ kind }) => kind === 'ConfigMap')
    expect(parseConfig(parse(config?.['data']['router.yaml'])).routes).toHaveLength(2)
  })

  const deployment = find('Deployment', 'immich-ml-router')
  const pod = deployment['spec'].template
  const [container] = pod.spec.containers
  const labels = pod.metadata.labels

  it('select the pods that they are about', () => {
    const service = find('Service', 'immich-ml-router')
    expect(deployment['spec'].selector.matchLabels).toEqual(labels)
    expect(service['spec'].selector).toEqual(labels)
    expect(find('PodDisruptionBudget', 'immich-ml-router')['spec'].selector.matchLabels).toEqual(labels)
    expect(find('NetworkPolicy', 'immich-ml-router')['spec'].podSelector.matchLabels).toEqual(labels)
    expect(pod.spec.topologySpreadConstraints[0].labelSelector.matchLabels).toEqual(labels)
    expect(serviceMonitor?.['spec'].selector.matchLabels).toEqual(service.metadata.labels)
    const ml = find('Deployment', 'immich-machine-learning')['spec'].template.metadata.labels
    expect(find('Service', 'immich-machine-learning-pods')['spec'].selector).toEqual(ml)
    const [toMl] = find('NetworkPolicy', 'immich-ml-router')['spec'].egress
    expect(toMl.to[0].podSelector.matchLabels).toEqual(ml)
  })

  it('name ports, volumes and images that are there', () => {
    const names = container.ports.map(({ name }: { name: string }) => name)
    const [{ targetPort }] = find('Service', 'immich-ml-router')['spec'].ports
    const [{ ports }] = find('NetworkPolicy', 'immich-ml-router')['spec'].ingress
    const probes = [container.readinessProbe, container.livenessProbe].map(({ httpGet }) => httpGet.port)
    for (const port of [targetPort, ports[0].port, ...probes]) expect(names).toContain(port)
    const env = Object.fromEntries(
      container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    )
    expect(container.ports[0].containerPort).toBe(Number(env['PORT']))
    const mounted = container.volumeMounts.map(({ name }: { name: string }) => name)
    expect(pod.spec.volumes.map(({ name }: { name: string }) => name)).toEqual(mounted)
    const { configMapGenerator, images } = parse(read('base/kustomization.yaml'))
    expect(pod.spec.volumes[0].configMap.name).toBe(configMapGenerator[0].name)
    expect(join(container.volumeMounts[0].mountPath, configMapGenerator[0].files[0])).toBe(
      join(env['ROUTER_CONFIG']),
    )
    expect(images[0].name).toBe(container.image)
  })

  it('give running requests the time to finish', () => {
    const [, seconds] = container.lifecycle.preStop.exec.command
    const needed = Number(seconds) + (defaults.drainTimeout + defaults.closeGrace) / 1000
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(needed)
  })

  it('make the pod no root, with nothing to write to but where bodies go', () => {
    expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(container.volumeMounts[1].mountPath).toBe('/tmp')
    expect(pod.spec.volumes[1].emptyDir).not.toHaveProperty('medium')
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
    const { clusterIP, ports } = find('Service', service)['spec']
    expect([clusterIP, ports[0].port]).toEqual(['None', Number(url.port)])
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
