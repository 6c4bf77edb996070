// Writes the tag of the current version into every file that names the image: 0.1 for 0.1.2, and 1 for 1.2.3. Run it after a
// change of the version; a test fails where it is missing.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { version } = JSON.parse(readFileSync(`${root}/packages/gateway/package.json`, 'utf8'))
const tag = version.match(/^(0\.\d+|\d+)/)[0]
const image = 'ghcr.io/immich-ml-router/gateway'
const files = execFileSync('git', ['grep', '-lF', image, '--', ':!*.test.ts'], {
  cwd: root,
  encoding: 'utf8',
})
for (const file of files.trim().split('\n')) {
  const text = readFileSync(`${root}/${file}`, 'utf8')
  const changed = text
    .replaceAll(new RegExp(`(${image}):[\\w.]+`, 'g'), `$1:${tag}`)
    .replaceAll(new RegExp(`(name: ${image}\\n +newTag: )"[\\w.]+"`, 'g'), `$1"${tag}"`)
  if (changed !== text) writeFileSync(`${root}/${file}`, changed)
}
