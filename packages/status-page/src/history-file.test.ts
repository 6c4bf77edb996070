import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../../../test/support/temporary-file.ts'
import { itNeeds } from '../../../test/support/tools.ts'
import { NOON, RUN, Script } from './archive.fixture.ts'
import type { ArchiveRecord } from './archive.ts'
import { defaults } from './defaults.ts'
import { HistoryFile } from './history-file.ts'
import { encodeHistory } from './history-format.ts'

let path = ''

beforeEach(async () => {
  path = join(await temporaryDirectory(), 'history.json')
})

/** A history file of a script, as a process has it. */
function processOf(script = new Script()) {
  const ignored: string[] = []
  const problems: (string | undefined)[] = []
  const file = new HistoryFile({
    path,
    clock: script.clock,
    record: () => script.archive.record,
    onIgnored: (reason) => ignored.push(reason),
    onProblem: (problem) => problems.push(problem),
  })
  onTestFinished(() => file.close())
  return { script, file, ignored, problems, loaded: file.load() }
}

/** A script with one run, three buckets and two events. */
function busyScript(): Script {
  const script = new Script()
  script.archive.note({ kind: 'started' })
  script.jobs(RUN)
  script.pass(1_000, { gpu: 1_000 })
  script.pass(defaults.bucket - 1_000)
  script.jobs(RUN, { kind: 'faces', backend: 'nas' })
  script.archive.note({ kind: 'ejected', backend: 'gpu', task: 'ocr', reason: 'connect' })
  return script
}

function filesBeside(): string[] {
  return readdirSync(dirname(path))
}

describe('the history file', () => {
  it('gives the next process the runs, the day and the events', async () => {
    const { script, file } = processOf(busyScript())
    await file.save()
    const next = processOf()
    next.script.pass(script.now - NOON)
    if (next.loaded !== undefined) next.script.archive.restore(next.loaded)
    const { runs, day, events } = script.views()
    expect(next.script.views()).toEqual({
      runs,
      day,
      events: events.map((event, i) => ({ ...event, id: i + 2 })),
    })
    expect([runs.length, day.length, events.length, next.ignored]).toEqual([2, 2, 2, []])
  })

  it('continues the current run and the current bucket', async () => {
    const { script, file } = processOf(busyScript())
    await file.save()
    const next = processOf()
    next.script.pass(script.now - NOON + 60_000)
    if (next.loaded !== undefined) next.script.archive.restore(next.loaded)
    next.script.jobs(RUN, { kind: 'faces', backend: 'nas' })
    expect(next.script.runs.at(-1)).toMatchObject({
      jobs: 2 * RUN,
      kinds: { faces: 2 * RUN },
      end: undefined,
    })
    const last = script.day.at(-1)
    expect(next.script.day.at(-1)).toMatchObject({
      at: last?.at,
      fates: { answered: 2 * RUN },
      latencies: { faces: { count: RUN } },
      backends: { nas: { jobs: 2 * RUN, busy: 0.087 } },
    })
  })

  it('is written at most once a minute, and at the end', async () => {
    const { script, file } = processOf()
    const writes: number[] = []
    const saved = () => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).events.length : 0)
    for (let second = 0; second < 150; second++) {
      script.archive.note({ kind: 'reloaded' })
      file.changed()
      script.clock.advance(1_000)
      await settled(file)
      if (writes.at(-1) !== saved()) writes.push(saved())
    }
    // Before the first minute there is no file.
    expect(writes).toEqual([0, 60, 120])
    file.close()
    expect([saved(), script.clock.pending]).toEqual([150, 0])
    file.changed()
    expect(script.clock.pending).toBe(0)
  })

  it('can be read by its user only, and has no other file beside it', async () => {
    const { file } = processOf(busyScript())
    await file.save()
    await file.save()
    expect([statSync(path).mode & 0o777, filesBeside()]).toEqual([0o600, [basename(path)]])
  })

  it('has the state of close(), whatever a save in progress has written', async () => {
    const { script, file } = processOf()
    void file.save()
    script.archive.note({ kind: 'reloaded' })
    await file.close()
    expect([JSON.parse(readFileSync(path, 'utf8')).events.length, filesBeside()]).toEqual([
      1,
      [basename(path)],
    ])
  })

  it.each<[what: string, spoil: () => void, reason: RegExp]>([
    ['text', () => writeFileSync(path, 'hello'), /damaged or incomplete/],
    ['no bytes', () => writeFileSync(path, ''), /damaged or incomplete/],
    [
      'half of the bytes',
      () => truncateSync(path, Math.floor(statSync(path).size / 2)),
      /damaged or incomplete/,
    ],
    ['another program’s JSON', () => writeFileSync(path, '{"version":1}'), /not a history/],
    ['null', () => writeFileSync(path, 'null'), /not a history/],
    ['another version', () => change((data) => ({ ...data, version: 2 })), /version 2, not 1/],
    ['other types', () => change((data) => ({ ...data, runs: [{ start: 'x' }] })), /unexpected content/],
    ['negative numbers', () => change((data) => ({ ...data, day: [{ at: -1 }] })), /unexpected content/],
    [
      'unknown kinds',
      () => change((data) => ({ ...data, events: [{ at: 1, kind: 'hacked' }] })),
      /unexpected content/,
    ],
    [
      'too many events',
      () => change((data) => ({ ...data, events: Array(201).fill({ at: 1, kind: 'up' }) })),
      /unexpected/,
    ],
    [
      'too many bytes',
      () => change((data) => ({ ...data, more: 'x'.repeat(defaults.historySize) })),
      /bytes, more than/,
    ],
  ])('is ignored with %s, with a message, and replaced', async (_, spoil, reason) => {
    await processOf(busyScript()).file.save()
    spoil()
    const { file, ignored, problems, loaded } = processOf(busyScript())
    expect([loaded, ignored]).toEqual([undefined, [expect.stringMatching(reason)]])
    expect(ignored[0]).toContain(path)
    await file.save()
    expect([ignored.length, problems]).toEqual([1, []])
    expect(processOf().loaded?.runs).toHaveLength(2)
  })

  it.each<[what: string, make: () => void]>([
    ['a link', () => symlinkSync(join(dirname(path), 'other'), path)],
    ['a pipe', () => execFileSync('mkfifo', [path])],
  ])('is not read through %s, and replaces it', async (_, make) => {
    make()
    const { file, ignored } = processOf(busyScript())
    expect(ignored).toHaveLength(1)
    await file.save()
    expect(processOf().loaded?.runs).toHaveLength(2)
  })

  it('is missing at first, without a message', () => {
    const { loaded, ignored } = processOf()
    expect([loaded, ignored]).toEqual([undefined, []])
  })

  it('removes what killed processes have left', () => {
    const left = `${path}.00000000-0000-0000-0000-000000000000.tmp`
    const fresh = `${path}.11111111-0000-0000-0000-000000000000.tmp`
    const other = join(dirname(path), 'other.00000000-0000-0000-0000-000000000000.tmp')
    for (const file of [left, fresh, other]) writeFileSync(file, '')
    for (const file of [left, other]) utimesSync(file, new Date(0), new Date(0))
    processOf()
    expect([left, fresh, other].map((file) => existsSync(file))).toEqual([false, true, true])
  })

  it('keeps the history of the other of two processes, and says so once', async () => {
    const first = processOf(busyScript())
    await first.file.save()
    const second = processOf(busyScript())
    await second.file.save()
    const text = readFileSync(path, 'utf8')
    first.script.jobs(RUN)
    for (let i = 0; i < 3; i++) await first.file.save()
    first.file.changed()
    first.file.close()
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(first.problems).toEqual([expect.stringMatching(/another process writes .*history\.json/)])
    await second.file.save()
    expect([second.problems, filesBeside()]).toEqual([[], [basename(path)]])
  })

  it('makes one notice while its directory is missing, and none after it is back', async () => {
    const home = join(dirname(path), 'later')
    path = join(home, 'history.json')
    const { file, problems } = processOf(busyScript())
    for (let i = 0; i < 3; i++) await file.save()
    expect(problems).toEqual([expect.stringMatching(/cannot be saved .*the directory does not exist/)])
    mkdirSync(home)
    for (let i = 0; i < 2; i++) await file.save()
    expect([problems.slice(1), processOf().loaded?.runs.length]).toEqual([[undefined], 2])
  })

  it.skipIf(process.getuid?.() === 0)(
    'makes a notice in a directory that must not be written to',
    async () => {
      const { file, problems } = processOf(busyScript())
      chmodSync(dirname(path), 0o500)
      onTestFinished(() => chmodSync(dirname(path), 0o700))
      await file.save()
      expect(problems).toEqual([expect.stringMatching(/this user may not do so/)])
    },
  )

  itNeeds('mount')('leaves the old file and makes a notice when the disk is full or read-only', async () => {
    const disk = await temporaryDirectory()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', disk])
    onTestFinished(() => void execFileSync('umount', [disk]))
    path = join(disk, 'history.json')
    const { file, problems } = processOf(busyScript())
    await file.save()
    const text = readFileSync(path, 'utf8')
    writeFileSync(join(disk, 'other'), Buffer.alloc(28_672))
    await file.save()
    expect(problems).toEqual([expect.stringMatching(/the disk is full/)])
    expect([readFileSync(path, 'utf8'), filesBeside().sort()]).toEqual([text, ['history.json', 'other']])
    execFileSync('mount', ['-o', 'remount,ro', disk])
    file.close()
    expect(problems[1]).toMatch(/the file system is read-only/)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})

/** Changes the content of the file. */
function change(edit: (data: object) => object): void {
  writeFileSync(path, JSON.stringify(edit(JSON.parse(readFileSync(path, 'utf8')))))
}

/** Waits until a save that a timer has started has ended. */
async function settled(file: HistoryFile): Promise<void> {
  while (file.isSaving) await new Promise((resolve) => setImmediate(resolve))
}

it('has at most 200 KB with 40 backends and a full day', () => {
  const backends = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`backend-${i}`, { jobs: 12_345, busy: 0.987 }]),
  )
  const latency = { count: 12_345, p95: 1_234.5 }
  const latencies = { search: latency, indexing: latency, faces: latency, ocr: latency }
  const record: ArchiveRecord = {
    runs: [],
    day: Array.from({ length: 288 }, (_, i) => ({
      at: NOON + i,
      fates: { answered: 98_765 },
      latencies,
      backends,
    })),
    events: Array.from({ length: 200 }, () => ({
      at: NOON,
      kind: 'down',
      backend: 'gpu',
      reason: 'connect',
    })),
  }
  expect(encodeHistory(record).length).toBeLessThan(200_000)
})
