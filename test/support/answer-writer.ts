import { AnswerFile } from '../../packages/search-cache/src/answer-file.ts'

/** Writes numbered answers to a file until it is killed, and prints how many there are, and each problem. */
const [path = '', first = '0'] = process.argv.slice(2)
const file = new AnswerFile(path, {
  maxEntries: 1_000_000,
  now: Date.now,
  onProblem: (problem) => process.stdout.write(`problem ${problem}\n`),
})
for (let number = Number(first); ; number++) {
  file.set(Buffer.from(`key ${number}`), 'model', Buffer.alloc(12_000, String(number % 10)))
  await new Promise((resolve) => setImmediate(resolve))
  process.stdout.write(`${number}\n`)
}
