import http from 'node:http'
import { onTestFinished } from 'vitest'
import { until } from './servers.ts'

/** Somebody who reads server-sent events, until the test is over. */
export interface EventStream<T> {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** What has come so far, oldest first. */
  readonly events: readonly T[]
  /** Everything that has come, as text. */
  text(): string
  /** Whether the other side has ended it. */
  ended(): boolean
  /** Waits for an event that fits. */
  next(fits: (event: T) => boolean, what: string): Promise<T>
  /** Reads no more, and leaves the connection open. */
  pause(): void
  leave(): void
}

/** @param parse Makes an event of its data. */
export async function eventStream<T>(url: string, parse: (data: string) => T): Promise<EventStream<T>> {
  const events: T[] = []
  let text = ''
  let rest = ''
  let isOver = false
  const req = http.get(url, { agent: false, headers: { accept: 'text/event-stream' } })
  onTestFinished(() => void req.destroy())
  const res = await new Promise<http.IncomingMessage>((resolve, reject) => {
    req.on('response', resolve)
    req.on('error', reject)
  })
  const over = () => {
    isOver = true
  }
  req.on('error', over)
  res.on('error', over)
  res.on('close', over)
  res.setEncoding('utf8')
  res.on('data', (chunk: string) => {
    text += chunk
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
      if (data.length > 0) events.push(parse(data.join('\n')))
    }
  })
  return {
    status: res.statusCode ?? 0,
    headers: res.headers,
    events,
    text: () => text,
    ended: () => isOver,
    async next(fits, what) {
      await until(() => events.some(fits), what)
      const found = events.find(fits)
      if (found === undefined) throw new Error(`there is none: ${what}`)
      return found
    },
    pause: () => void res.pause(),
    leave: () => void req.destroy(),
  }
}
