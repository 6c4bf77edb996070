import { execFile } from 'node:child_process'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseConfig } from '@immich-ml-router/core'
import { defaults } from '@immich-ml-router/core/parts'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { isCompose, mergeCompose } from './support/compose.ts'
import { ROOT } from './support/docs.ts'
import { IMAGE } from './support/image.ts'
import { temporaryDirectory } from './support/temporary-file.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)
const DIRECTORY = join(ROOT, 'examples/setups/immich-compose')
const override = parse(await readFile(join(DIRECTORY, 'compose.override.yaml'), 'utf8'))

/** The parts of Immich's docker-compose.yml that a second file could collide with. */
const IMMICH = `
services:
  immich-server:
    container_name: immich_server
    image: ghcr.io/immich-app/immich-server:release
    volumes:
      - ./library:/data
      - /etc/localtime:/etc/localtime:ro
    ports: ['2283:2283']
    depends_on: [redis, database]
    restart: always
    healthcheck: { disable: false }
  immich-machine-learning:
    container_name: immich_machine_learning
    image: ghcr.io/immich-app/immich-machine-learning:release
    volumes: ['model-cache:/cache']
    restart: always
    healthcheck: { disable: false }
  redis:
    container_name: immich_redis
    image: docker.io/valkey/valkey:9
    healthcheck: { test: redis-cli ping || exit 1 }
    restart: always
  database:
    container_name: immich_postgres
    image: ghcr.io/immich-app/postgres:14
    environment: { POSTGRES_PASSWORD: postgres }
    volumes: ['./postgres:/var/lib/postgresql/data']
    shm_size: 128mb
    restart: always
volumes:
  model-cache:
`
const immich = parse(IMMICH)

describe("the fragment for Immich's compose file", () => {
  const router = override.services['immich-ml-router']

  it('adds one service, one volume and one directory, and changes nothing of Immich', () => {
    const merged = mergeCompose(immich, override)
    expect(merged).toEqual({
      services: { ...immich.services, 'immich-ml-router': router },
      volumes: { 'model-cache': null, 'immich-ml-router': null },
    })
    isCompose(merged)
    expect(isCompose.errors).toBeNull()
    expect(router.volumes).toEqual(['./immich-ml-router:/config:ro', 'immich-ml-router:/data'])
  })

  it('needs no repository: an image, without a build', () => {
    expect(router.image).toBe(IMAGE)
    expect(router).not.toHaveProperty('build')
  })

  it('is stopped after running requests, and only this machine reaches its port', () => {
    const needed = (defaults.drainTimeout + defaults.closeGrace) / 1000
    expect(Number.parseInt(router.stop_grace_period, 10)).toBeGreaterThan(needed)
    expect(router.ports).toEqual(['127.0.0.1:3003:3003'])
  })

  it("routes to the service of Immich's file", async () => {
    const text = await readFile(join(DIRECTORY, 'immich-ml-router/router.yaml'), 'utf8')
    const hosts = Object.values(parseConfig(parse(text)).backends).map(({ url }) => new URL(url).hostname)
    expect(hosts).toEqual(['192.168.1.20', 'immich-machine-learning'])
    expect(Object.keys(immich.services)).toContain(hosts[1])
  })

  itNeeds('compose')("is merged into Immich's by docker compose", async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'docker-compose.yml'), IMMICH)
    await copyFile(join(DIRECTORY, 'compose.override.yaml'), join(directory, 'compose.override.yaml'))
    const { stdout } = await exec('docker', ['compose', 'config', '--services'], { cwd: directory })
    expect(stdout.trim().split('\n').sort()).toEqual(
      [...Object.keys(immich.services), 'immich-ml-router'].sort(),
    )
  })
})

describe('merging', () => {
  it('merges mappings, appends lists, and replaces the volume of a path', () => {
    const base = { a: { volumes: ['x:/data', 'y:/cache'], ports: ['1:1'], command: ['run'] } }
    const second = { a: { volumes: ['z:/data'], ports: ['1:1', '2:2'], command: ['check'], image: 'i' } }
    expect(mergeCompose(base, second)).toEqual({
      a: { volumes: ['y:/cache', 'z:/data'], ports: ['1:1', '2:2'], command: ['check'], image: 'i' },
    })
  })
})
