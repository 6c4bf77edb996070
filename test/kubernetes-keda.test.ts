import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRouter, dnsResolver, parseConfig, type RouterConfig } from '@immich-ml-router/core'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { startGateway } from '@immich-ml-router/gateway-kit'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { Prometheus } from './metrics/prometheus.ts'
import { seriesOf } from './metrics/series.ts'
import { post } from './support/client.ts'
import { ColdService } from './support/cold-service.ts'
import { dnsServer, type Zone } from './support/dns-server.ts'
import { ROOT } from './support/docs.ts'
import { documentsOf, finderAmong, mistakesIn, render } from './support/manifests.ts'
import { stubMl, until } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

const DIRECTORY = join(ROOT, 'examples/setups/kubernetes/with-keda')
const read = (path: string) => readFileSync(join(DIRECTORY, path), 'utf8')
const manifests = ['gpu.yaml', 'scaled-object.yaml'].flatMap((file) => documentsOf(read(file)))
const find = finderAmong(manifests)
const config = parseConfig(parse(read('router.yaml')))
const GPU = 'immich-machine-learning-gpu'

const search = immichBody('textSearch', 'cat')
const image = immichBody('indexing', imageBytes(50_000))

/**
 * The set-up's router behind a gateway, whose names a DNS server resolves; there is no GPU pod.
 *
 * @param port That of a GPU pod on 127.0.0.1.
 */
async function cluster(port: number | string) {
  const ports: Record<string, number | string> = {
    cpu: (await stubMl({ host: '127.0.0.2' })).port,
    gpu: port,
  }
  const nameOf = (backend: string) => new URL(config.backends[backend]?.url ?? '').hostname
  const pods = (addresses: string[]): Zone => ({ A: addresses })
  // CoreDNS answers without a record while a headless service has no pod.
  const dns = await dnsServer({ [nameOf('cpu')]: pods(['127.0.0.2']), [nameOf('gpu')]: pods([]) })
  const backends = Object.fromEntries(
    Object.entries(config.backends).map(([name, backend]) => [
      name,
      { ...backend, url: `http://${nameOf(name)}:${ports[name]}`, discover: { interval: 1_000 } },
    ]),
  )
  const options: RouterConfig = { ...config, backends }
  const gateway = await startGateway({
    makeApp: (given) => {
      const router = createRouter({ ...given, resolver: dnsResolver({ servers: [dns.address] }) })
      return { router, listener: (req, res) => router.handle(req, res) }
    },
    config: { port: 0, source: 'the test', options },
    logger: pino({ level: 'silent' }),
  })
  onTestFinished(async () => {
    await gateway.router.close({ timeout: 0 })
    await gateway.close()
  })
  const metricsUrl = gateway.metricsUrl.replace('localhost', '127.0.0.1')
  const scaleTo = (replicas: 0 | 1) => {
    dns.zones = { ...dns.zones, [nameOf('gpu')]: pods(replicas === 1 ? ['127.0.0.1'] : []) }
  }
  const ask = async (body: Buffer) => {
    const { status, headers } = await post(gateway.url.replace('localhost', '127.0.0.1'), body)
    return `${status} ${headers['x-immich-ml-backend']}`
  }
  const held = () => gateway.router.status().held['images']
  await until(async () => (await ask(search)) === '200 cpu', 'the CPU pod is found')
  return { ask, held, scaleTo, metricsUrl, router: gateway.router }
}

describe('the manifests with KEDA', () => {
  it('are what Kubernetes and KEDA take', async () => {
    const alternative = documentsOf(read('scaled-object-metrics-api.yaml'))
    expect(await mistakesIn([...manifests, ...alternative])).toBe('')
    const wrong = documentsOf(
      read('scaled-object.yaml').replace('minReplicaCount: 0', 'minReplicaCount: none'),
    )
    expect(await mistakesIn(wrong)).toContain('integer')
  })

  it('are all in the kustomization', () => {
    const text = read('kustomization.yaml')
    const files = readdirSync(DIRECTORY).filter((file) => !['kustomization.yaml', 'README.md'].includes(file))
    expect(files.filter((file) => !text.includes(file))).toEqual([])
  })

  it('scale the Deployment of the GPU pods, from zero, and both triggers alike', () => {
    const { spec } = find('ScaledObject', GPU)
    expect([spec.scaleTargetRef.name, spec.minReplicaCount]).toEqual([GPU, 0])
    const deployment = find('Deployment', GPU).spec
    const labels = deployment?.template.metadata?.labels
    const [container] = deployment?.template.spec?.containers ?? []
    expect([deployment?.replicas, container?.resources?.limits?.['nvidia.com/gpu']]).toEqual([0, 1])
    expect(deployment?.selector).toEqual({ matchLabels: labels })
    const service = find('Service', `${GPU}-pods`).spec
    expect([service?.selector, service?.clusterIP]).toEqual([labels, 'None'])
    const claim = deployment?.template.spec?.volumes?.[0]?.persistentVolumeClaim?.claimName
    expect(find('PersistentVolumeClaim', `${GPU}-cache`).metadata?.name).toBe(claim)
    const [alternative] = documentsOf(read('scaled-object-metrics-api.yaml'))
    const { triggers: _, advanced: __, ...rest } = spec
    expect(alternative).toMatchObject({ kind: 'ScaledObject', metadata: { name: GPU }, spec: rest })
  })

  it('have backends that their Services name', () => {
    const urls = Object.values(config.backends).map(({ url }) => new URL(url).host)
    expect(urls).toEqual(
      ['immich-machine-learning-pods', `${GPU}-pods`].map(
        (service) => `${service}.immich.svc.cluster.local:3003`,
      ),
    )
  })

  itNeeds('kubectl')('are put together by kubectl, with the configuration of their own', async () => {
    const all = await render(DIRECTORY)
    expect(await mistakesIn(all)).toBe('')
    const found = finderAmong(all)
    const name = all.find(({ kind }) => kind === 'ConfigMap')?.metadata?.name ?? ''
    const deployed = found('ConfigMap', name).data?.['router.yaml'] ?? ''
    expect(parseConfig(parse(deployed))).toEqual(config)
    const volumes = found('Deployment', 'immich-ml-router').spec?.template.spec?.volumes
    expect(volumes?.[0]?.configMap?.name).toBe(name)
    const egress = found('NetworkPolicy', 'immich-ml-router').spec?.egress?.flatMap(({ to = [] }) => to)
    const labels = find('Deployment', GPU).spec?.template.metadata?.labels
    expect(egress).toContainEqual({ podSelector: { matchLabels: labels } })
    expect(found('ServiceMonitor', 'immich-ml-router').spec.endpoints?.[0]?.interval).toBe('10s')
  })
})

describe('a GPU that is scaled from zero', () => {
  itNeeds('loopback')('gets the images that were held, and a CPU pod answers searches before', async () => {
    const gpu = await stubMl()
    const { ask, held, scaleTo, router } = await cluster(gpu.port)
    const images = Promise.all([ask(image), ask(image), ask(image)])
    await until(() => held() === 3, 'three images are held')
    expect(await ask(search)).toBe('200 cpu')
    scaleTo(1)
    expect(await images).toEqual(['200 gpu', '200 gpu', '200 gpu'])

    // The pod ends again. Its name then has no address, and its old address answers nothing.
    scaleTo(0)
    await gpu.setFault('refuse')
    const late = [ask(image), ask(image)]
    await until(() => held() === 2, 'later images are held as well')
    expect(await ask(search)).toBe('200 cpu')
    await gpu.setFault(undefined)
    scaleTo(1)
    expect(await Promise.all(late)).toEqual(['200 gpu', '200 gpu'])
    expect(router.status().routes.map(({ waiting }) => waiting.unavailable)).toEqual([0, 0])
  })
})

describe('the triggers', () => {
  const [trigger] = find('ScaledObject', GPU).spec.triggers
  const query = trigger?.metadata['query'] ?? ''

  itNeeds('prometheus')(
    'of Prometheus is 0 without a job, counts what waits and runs, and is 0 again',
    async () => {
      const gpu = await ColdService.start(undefined)
      const { ask, held, scaleTo, metricsUrl } = await cluster(new URL(gpu.url).port)
      const prometheus = await Prometheus.start(metricsUrl)
      const value = async () => {
        const samples = await prometheus.query(query, await prometheus.nextScrape())
        return samples.map((sample) => sample.value)
      }
      expect(await value()).toEqual([0])
      await ask(search)
      expect(await value()).toEqual([0])
      const images = Promise.all([ask(image), ask(image), ask(image)])
      await until(() => held() === 3, 'three images are held')
      expect(await value()).toEqual([3])
      scaleTo(1)
      await until(() => gpu.count('POST /predict') > 0, 'the pod has a request')
      // A canary that loads the model may be there as well.
      const [running = 0] = await value()
      expect(running).toBeGreaterThanOrEqual(3)
      gpu.up()
      expect(await images).toEqual(['200 gpu', '200 gpu', '200 gpu'])
      await until(async () => (await value())[0] === 0, 'nothing runs there any longer', 20)
    },
  )

  it('of the metrics API read series that are there, and add up to the same', async () => {
    const [alternative] = documentsOf(read('scaled-object-metrics-api.yaml'))
    if (alternative?.kind !== 'ScaledObject') throw new Error('there is no ScaledObject')
    const { triggers, advanced } = alternative.spec
    const terms = triggers.map(({ name }) => name).join(' + ')
    expect(advanced?.scalingModifiers?.formula).toBe(terms)
    const locations = triggers.map(({ metadata }) => metadata['valueLocation'] ?? '')
    expect(query.trim().split(/\s*\+\s*/)).toEqual(locations.map((location) => `sum(${location})`))
    const { ask, held, scaleTo, metricsUrl } = await cluster((await stubMl()).port)
    const values = async () => {
      const series = seriesOf(await (await fetch(metricsUrl)).text(), '')
      return locations.map((location) => series[location])
    }
    expect(await values()).toEqual([0, 0, 0])
    const waiting = ask(image)
    await until(() => held() === 1, 'an image is held')
    expect(await values()).toEqual([1, 0, 0])
    scaleTo(1)
    await waiting
    await until(async () => (await values()).every((value) => value === 0), 'nothing is left')
  })
})
