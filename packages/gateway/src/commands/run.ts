import { existsSync } from 'node:fs'
import { runGateway } from '@immich-ml-router/gateway-kit'
import type { Command } from 'commander'
import leven from 'leven'
import { makeApp } from '../app.ts'
import { configure } from '../configure.ts'
import { NAME } from '../name.ts'

/** More edits than this make another word. */
const MOST_EDITS = 2

/** Runs the gateway until a signal stops it. */
export async function run(file: string | undefined, _options: object, command: Command): Promise<void> {
  if (file !== undefined && !existsSync(file)) return command.error(`error: ${missing(file, command)}`)
  if (command.args.length > 1) return command.error('error: run takes one configuration file')
  await runGateway({
    name: NAME,
    makeApp,
    configure: () => configure(process.env, file),
  })
}

function missing(file: string, command: Command): string {
  const commands = command.parent?.commands.map((it) => it.name()) ?? []
  const meant = commands.find((name) => leven(name, file) <= MOST_EDITS)
  return `there is no file "${file}"${meant === undefined ? `; "immich-ml-router init" writes one` : `; did you mean the command ${meant}?`}`
}
