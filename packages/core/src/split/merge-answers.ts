import { membersOf } from '../judge/json-members.ts'

/** The answer to one task. */
export interface TaskAnswer {
  readonly task: string
  /** JSON, without a content coding; `undefined` when that could not be undone. */
  readonly body: Buffer | undefined
}

/** What Immich's ML server writes behind the results of an image. */
const SIZES = ['imageHeight', 'imageWidth'] as const

/**
 * Merges the answers to the tasks of one request, byte for byte: the results in the order of the tasks, then the size of the
 * image, then any other member once.
 *
 * @returns `undefined` when an answer is no JSON object with its task.
 */
export function mergeAnswers(answers: readonly TaskAnswer[]): Buffer | undefined {
  const tasks = new Set(answers.map(({ task }) => task))
  const results: [name: string, value: Buffer][] = []
  const others = new Map<string, Buffer>()
  for (const { task, body } of answers) {
    const members = body && membersOf(body)
    const result = members?.byName.get(task)
    if (body === undefined || members?.complete !== true || result === undefined) return undefined
    results.push([task, body.subarray(result.start, result.end)])
    for (const [name, { start, end }] of members.byName)
      if (!tasks.has(name) && !others.has(name)) others.set(name, body.subarray(start, end))
  }
  for (const name of SIZES) {
    const size = others.get(name)
    others.delete(name)
    if (size !== undefined) results.push([name, size])
  }
  const pieces = [...results, ...others].flatMap(([name, value], i) => [
    Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    value,
  ])
  return Buffer.concat([...pieces, Buffer.from('}')])
}
