import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseConfig } from '@immich-ml-router/core'
import { defaults } from '@immich-ml-router/core/parts'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createProgram } from '../packages/gateway/src/program.ts'
import { isCompose } from './support/compose.ts'
import { exampleOf, ROOT } from './support/docs.ts'
import { IMAGE, instructionsOf } from './support/image.ts'

const DOCUMENT = 'docs/install.md'
const text = readFileSync(join(ROOT, DOCUMENT), 'utf8')
const example = (name: string) => exampleOf(DOCUMENT, name).replaceAll('\\\n', '')
const instructions = instructionsOf(readFileSync(join(ROOT, 'packages/gateway/Dockerfile'), 'utf8'))
/** The values of an instruction of the image. */
const valuesOf = (name: string) => instructions.filter(([it]) => it === name).map(([, value]) => value)
/** The directories of the image that are meant to be mounted. */
const [data = ''] = valuesOf('VOLUME')
const commands = createProgram().commands.map((command) => command.name())
const grace = (defaults.drainTimeout + defaults.closeGrace) / 1000

describe(DOCUMENT, () => {
  it('has at most 900 words', () => {
    expect(text.split(/\s+/).length).toBeLessThan(900)
  })

  it('names no example that no test reads', () => {
    const named = [...text.matchAll(/<!-- example: (\w+) -->/g)].map(([, name]) => name)
    expect(named).toEqual(['router', 'unreleased', 'docker', 'compose', 'npx', 'npm', 'clone'])
    expect(text.match(/^```\w+$/gm)).toHaveLength(named.length)
  })

  it('names the image of this version, in every place', () => {
    const images = text.match(/ghcr\.io\/[\w./-]+:[\w.]+/g) ?? []
    expect(images.length).toBeGreaterThan(3)
    expect(new Set(images)).toEqual(new Set([IMAGE]))
  })

  it('has a valid configuration', () => {
    expect(Object.keys(parseConfig(parse(example('router'))).backends)).toEqual(['gpu', 'nas'])
  })

  it('has a valid compose file with the directories of the image', () => {
    const compose = parse(example('compose'))
    isCompose(compose)
    expect(isCompose.errors).toBeNull()
    const router = compose.services['immich-ml-router']
    expect(router.volumes).toEqual(['./config:/config:ro', `immich-ml-router:${data}`])
    expect(Number.parseInt(router.stop_grace_period, 10)).toBeGreaterThan(grace)
    expect(valuesOf('EXPOSE')).toEqual([router.ports[0].split(':')[1]])
  })

  it('has docker commands with the directories and commands of the image', () => {
    const [check = '', run = '', exec = ''] = example('docker').trim().split('\n')
    expect(check).toContain(' --rm ')
    expect(commands).toContain(check.split(`${IMAGE} `)[1])
    const volumes = [...run.matchAll(/--volume "?([^" ]+)/g)].map(([, volume]) => volume)
    expect(volumes).toEqual(['$PWD/config:/config:ro', `immich-ml-router:${data}`])
    expect(Number(/--stop-timeout (\d+)/.exec(run)?.[1])).toBeGreaterThan(grace)
    const [, name, ...command] = exec.split(' ').slice(1)
    expect(run).toContain(`--name ${name} `)
    expect(valuesOf('ENTRYPOINT')).toEqual([`["${command[0]}"]`])
  })

  it('builds what is not published from files that are there', () => {
    const [, dockerfile = ''] = /--file (\S+)/.exec(example('unreleased')) ?? []
    expect(existsSync(join(ROOT, dockerfile))).toBe(true)
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    for (const [, script = ''] of text.matchAll(/npm (?:run )?(pack|start)\b/g))
      expect(scripts).toHaveProperty(script)
  })

  it('names the package and its command', () => {
    const { name, bin } = JSON.parse(readFileSync(join(ROOT, 'packages/gateway/package.json'), 'utf8'))
    expect(example('npx')).toBe(`npx ${name} router.yaml\n`)
    const [install, ...rest] = example('npm').trim().split('\n')
    expect(install).toBe(`npm install --global ${name}`)
    for (const line of rest) expect(Object.keys(bin)).toContain(line.split(' ')[0])
  })

  it('says what the image is, as it is', () => {
    expect(valuesOf('USER')).toEqual(['65532:65532'])
    expect(text).toContain('| user | 65532')
    const env = valuesOf('ENV').join(' ')
    for (const setting of ['PORT=3003', 'ROUTER_CONFIG_DEFAULT=/config/router.yaml', `TMPDIR=${data}`])
      expect(env).toContain(setting)
  })
})
