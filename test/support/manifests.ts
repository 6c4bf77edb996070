import { execFile } from 'node:child_process'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { IScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1'
import type { IServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'
import type { IDeployment } from 'kubernetes-models/apps/v1'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1'
import type { IConfigMap, IPersistentVolumeClaim, IService } from 'kubernetes-models/v1'
import { parseAllDocuments } from 'yaml'
import { ROOT } from './docs.ts'
import { temporaryDirectory } from './temporary-file.ts'

const exec = promisify(execFile)

interface Kinds {
  readonly ConfigMap: IConfigMap
  readonly Deployment: IDeployment
  readonly NetworkPolicy: INetworkPolicy
  readonly PersistentVolumeClaim: IPersistentVolumeClaim
  readonly PodDisruptionBudget: IPodDisruptionBudget
  readonly ScaledObject: IScaledObject
  readonly Service: IService
  readonly ServiceMonitor: IServiceMonitor
}

export type Manifest = Kinds[keyof Kinds]

export function documentsOf(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS())
}

/** What `kubectl kustomize` makes of a directory. */
export async function render(directory: string): Promise<Manifest[]> {
  const { stdout } = await exec('kubectl', ['kustomize', directory])
  return documentsOf(stdout)
}

/** @returns What gives the manifest of a kind and name, among these by default. */
export function finderAmong(all: readonly Manifest[]) {
  return <K extends keyof Kinds>(kind: K, name: string, among: readonly Manifest[] = all): Kinds[K] => {
    const found = among.find(
      (manifest): manifest is Kinds[K] => manifest.kind === kind && manifest.metadata?.name === name,
    )
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
    return found
  }
}

/** The package that has the types and schemas of an API. */
function packageOf({ apiVersion }: Manifest): string {
  const models = apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : apiVersion.startsWith('keda.sh/')
      ? '@kubernetes-models/keda'
      : 'kubernetes-models'
  return `${models}/${apiVersion}`
}

/** What is wrong with manifests by the schemas of Kubernetes, and by its types, which know what is no field at all. */
export async function mistakesIn(manifests: readonly Manifest[]): Promise<string> {
  for (const manifest of manifests) {
    const models = await import(packageOf(manifest))
    try {
      new models[manifest.kind](manifest).validate()
    } catch (error) {
      return `${manifest.kind}: ${error}`
    }
  }
  const directory = await temporaryDirectory()
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
